"""What must hold between a send and the record of why it has its time."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from sendopt.records import Policy
from sendopt.state.decision_rows import same_basis
from sendopt.state.same_send import same_send
from sendopt.state.tables import decision, planned_send
from sendopt.state.tables_campaigns import decision_basis

_Rule = tuple[str, sa.ColumnElement[bool], str]

#: They take one time and never another.
_CERTAIN = (
    Policy.GREEDY,
    Policy.CONFIGURED,
    Policy.POPULATION_HOUR,
    Policy.USER_HISTOGRAM,
    Policy.FALLBACK,
    Policy.EARLIEST,
)
_IMPOSSIBLE = "the probability of its time cannot be what its policy gave it"


def rules_of_sends() -> Iterator[_Rule]:
    """Yield what is wrong with a send, when, and in words."""
    send = planned_send.c
    lost = sa.case(
        (send.basis.is_(None), ~sa.exists().where(same_send(decision))),
        else_=~sa.exists().where(same_basis()),
    )
    yield "send_has_decision", lost, "no record says why it has its time"
    certain = sa.exists().where(same_basis(), decision_basis.c.policy.in_(_CERTAIN))
    impossible = _is_impossible(send.propensity, certain)
    decided = send.basis.is_not(None) & send.due_at.is_not(None)
    yield "propensity_is_possible", decided & impossible, _IMPOSSIBLE


def rules_of_decisions() -> Iterator[_Rule]:
    """Yield what is wrong with a decision that has a row of its own, when, and in words."""
    yield "decision_has_send", ~sa.exists().where(same_send(decision)), "its send is gone"
    certain = decision.c.policy.in_(_CERTAIN)
    impossible = _is_impossible(decision.c.propensity, certain)
    yield "propensity_is_possible", decision.c.chosen_at.is_not(None) & impossible, _IMPOSSIBLE


def _is_impossible(
    propensity: sa.Column[float], certain: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    return (
        propensity.is_(None)
        | (propensity <= 0.0)
        | (propensity > 1.0)
        | (certain & (propensity != 1.0))
    )
