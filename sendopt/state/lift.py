"""What became of the sends of users in an experiment: read only, counted where they are stored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from sendopt.records import Arm, CampaignId, EventType, ResponseKind
from sendopt.state.campaign_phase import same_campaign
from sendopt.state.tables import app_user, click, planned_send, response
from sendopt.state.tables_campaigns import campaign, campaign_revision
from sendopt.state.transaction import TenantRead

_MICROSECOND = timedelta(microseconds=1)
_ROWS_AT_ONCE = 10_000
_OPTIMISED = [*Arm].index(Arm.OPTIMISED)


@dataclass(frozen=True, slots=True)
class ExperimentCampaign:
    """A revision of a campaign with users in an arm, as it was defined."""

    campaign_id: CampaignId
    definition: Any  # parsed JSON; read it with the `now` of `accepted_at`
    accepted_at: datetime
    rules: dict[str, Any] | None  # under which it was accepted; None = nobody knows any more


class ArmedSends(NamedTuple):
    """One user's sends in one arm, of campaigns that divide users alike."""

    user: int  # number of the user within the answer, from 0
    arm: int  # its place in `Arm`; -1 = this release knows none of its name
    stratum: int  # which campaigns, as they were asked for
    sent: int  # the suppressed ones too
    answered: int  # of them
    dismissed: int  # of them
    opted_out: int  # of them: the user left within the window after it
    past_sent: int  # to the user, closed before the tenant's first experiment
    past_answered: int  # of them

    @property
    def optimised(self) -> int:
        """Whether the arm is the one whose times are chosen."""
        return int(self.arm == _OPTIMISED)


def experiment_campaigns(tx: TenantRead, *, since: datetime | None) -> list[ExperimentCampaign]:
    """Return every revision of campaigns with a send in an arm, oldest campaigns first.

    Only those count with one that was planned from `since` on; None = ever.
    """
    armed = sa.exists().where(
        planned_send.c.tenant_id == campaign.c.tenant_id,
        planned_send.c.campaign_id == campaign.c.campaign_id,
        *_in_an_arm(tx, since),
    )
    rows = tx.execute(
        sa.select(
            campaign.c.campaign_id,
            campaign_revision.c.definition,
            campaign_revision.c.accepted_at,
            campaign_revision.c.rules,
        )
        .join_from(campaign, campaign_revision, same_campaign(campaign_revision))
        .where(tx.owns(campaign), armed)
        .order_by(campaign.c.created_at, campaign.c.campaign_id, campaign_revision.c.revision)
    )
    return [ExperimentCampaign(*row) for row in rows]


def armed_sends(
    tx: TenantRead,
    strata: Sequence[Collection[CampaignId]],
    *,
    outcome: EventType,
    window: timedelta,
    since: datetime | None,
) -> Iterator[ArmedSends]:
    """Count the sends of these campaigns that belong to an arm, in no order.

    An answer counts in [hand-over, hand-over + window), whatever it is billed as.

    Args:
        tx: open until the last row has been read.
        strata: which campaigns; those of one stratum are counted together.
        outcome: what counts as an answer.
        window: within which it counts after the hand-over.
        since: only sends planned from then on; None = all.
    """
    if not strata:
        return iter(())
    answer, of_answer = _answers(outcome, "answer")
    dismissal, of_dismissal = _answers(EventType.DISMISSAL, "dismissal")
    of_user = sa.and_(
        app_user.c.tenant_id == planned_send.c.tenant_id,
        app_user.c.user_id == planned_send.c.user_id,
    )
    stratum = sa.case(
        *((planned_send.c.campaign_id.in_(names), at) for at, names in enumerate(strata)), else_=-1
    )
    armed = (
        sa.select(
            planned_send.c.user_id,
            planned_send.c.arm,
            stratum.label("stratum"),
            sa.func.count().label("sent"),
            _count(_within(answer.c.occurred_at, window)).label("answered"),
            _count(_within(dismissal.c.occurred_at, window)).label("dismissed"),
            _count(_within(app_user.c.opted_out_at, window)).label("opted_out"),
        )
        .join(app_user, of_user, isouter=True)
        .join(answer, of_answer, isouter=True)
        .join(dismissal, of_dismissal, isouter=True)
        .where(
            *_in_an_arm(tx, since),
            planned_send.c.campaign_id.in_([name for names in strata for name in names]),
        )
        .group_by(planned_send.c.user_id, planned_send.c.arm, stratum)
        .subquery("armed")
    )
    past = _past(tx, outcome=outcome, window=window).subquery("past")
    rows = tx.connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(
        sa.select(
            sa.func.dense_rank().over(order_by=armed.c.user_id) - 1,
            sa.case(
                {arm.value: place for place, arm in enumerate(Arm)},
                value=armed.c.arm,
                else_=-1,  # of another release
            ),
            armed.c.stratum,
            armed.c.sent,
            armed.c.answered,
            armed.c.dismissed,
            armed.c.opted_out,
            sa.func.coalesce(past.c.sent, 0),
            sa.func.coalesce(past.c.answered, 0),
        ).join(past, past.c.user_id == armed.c.user_id, isouter=True)
    )
    return (ArmedSends._make(row) for row in rows)


def _past(
    tx: TenantRead, *, outcome: EventType, window: timedelta
) -> sa.Select[tuple[str, int, int]]:
    """Count by user the sends that closed before the tenant's first experiment."""
    begun = (
        sa.select(sa.func.min(planned_send.c.planned_at))
        .where(*_in_an_arm(tx, None))
        .scalar_subquery()
    )
    closed = _micros(planned_send.c.handed_over_at) + _length(window) <= _micros(begun)
    answer, of_answer = _answers(outcome, "answer")
    return (
        sa.select(
            planned_send.c.user_id,
            sa.func.count().label("sent"),
            _count(_within(answer.c.occurred_at, window)).label("answered"),
        )
        .join(answer, of_answer, isouter=True)
        .where(tx.owns(planned_send), planned_send.c.arm.is_(None), closed)
        .group_by(planned_send.c.user_id)
    )


def _count(true: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((true, 1), else_=0))


def _in_an_arm(tx: TenantRead, since: datetime | None) -> list[sa.ColumnElement[bool]]:
    found = [tx.owns(planned_send), planned_send.c.arm.is_not(None)]
    return found if since is None else [*found, planned_send.c.planned_at >= since]


def _answers(outcome: EventType, name: str) -> tuple[sa.FromClause, sa.ColumnElement[bool]]:
    """Return what holds the answers, and how it joins: none or one a send."""
    found = (click if outcome is EventType.CLICK else response).alias(name)
    return found, sa.and_(
        found.c.tenant_id == planned_send.c.tenant_id,
        found.c.send_id == planned_send.c.send_id,
        found.c.filtered_reason.is_(None)
        if outcome is EventType.CLICK
        else found.c.kind == ResponseKind(outcome),
    )


def _within(at: sa.ColumnElement[Any], window: timedelta) -> sa.ColumnElement[bool]:
    """Tell whether `at` is in [hand-over, hand-over + window); null if one of them never was."""
    since = _micros(planned_send.c.handed_over_at)
    return sa.and_(_micros(at) >= since, _micros(at) < since + _length(window))


def _micros(at: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.type_coerce(at, sa.BigInteger)


def _length(window: timedelta) -> int:
    return window // _MICROSECOND
