"""Which candidate times a rule forbids beside history and the user's other messages."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.joint.beside import NONE, room_for_seen
from sendopt.schedule.joint.kernel import entry
from sendopt.schedule.joint.problem import JointProblem
from sendopt.schedule.joint.reasons import rule_at
from sendopt.schedule.joint.tables import prepared

_USERS_AT_ONCE = 20_000


@dataclass(frozen=True, eq=False)
class Cells:
    """The candidate times of some messages, one after the other.

    Those of the i-th are first[i] <= c < first[i + 1], in the order of its grid.

    Attributes:
        messages: which.
        first: messages + 1 positions.
        rule: the first rule that forbids the cell; -1 = none does.
        free: whether the cell is allowed and no rule forbids it.
    """

    messages: NDArray[np.int64]
    first: NDArray[np.int64]
    rule: NDArray[np.int8]
    free: NDArray[np.bool_]

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.first)


def feasible_beside(
    problem: JointProblem, slot: NDArray[np.int16], *, users_at_once: int = _USERS_AT_ONCE
) -> Iterator[Cells]:
    """Yield which candidate times are free beside a plan, all messages in order, some at a time.

    A cell is judged beside old messages and the other messages of its user where the plan has
    them; capacity is not looked at.

    Args:
        problem: the problem.
        slot: of each message in the plan.
        users_at_once: bounds the memory.
    """
    tables = prepared(problem).tables
    first, grids = problem.messages.first, problem.grids
    for begin in range(0, problem.messages.users, users_at_once):
        users = np.arange(begin, min(begin + users_at_once, problem.messages.users))
        messages = np.arange(first[users[0]], first[users[-1] + 1])
        lengths = np.diff(grids.first)[problem.messages.grid[messages]]
        cell_first = np.append(0, np.cumsum(lengths)).astype(np.int64)
        rule = np.full(int(cell_first[-1]), NONE, np.int8)
        seen = room_for_seen(int(tables.most_history + tables.widest))
        _judge_cells(users, cell_first, tables, seen, slot, rule)
        at = np.repeat(grids.first[problem.messages.grid[messages]] - cell_first[:-1], lengths)
        allowed = grids.allowed[at + np.arange(len(rule))]
        yield Cells(messages, cell_first, rule, allowed & (rule == NONE))


@entry
def _judge_cells(users, cell_first, t, seen, slot, rule):
    begin = t.first[users[0]]
    for user in users:
        for m in range(t.first[user], t.first[user + 1]):
            cell = cell_first[m - begin]
            for s in range(cell_first[m - begin + 1] - cell):
                rule[cell + s] = rule_at(user, m, s, t, seen, slot)
