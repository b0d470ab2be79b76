"""Which candidate times a rule forbids beside history and the user's other messages."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.joint.beside import NONE, broken_rule, room_for_seen
from sendopt.schedule.joint.kernel import entry
from sendopt.schedule.joint.problem import JointProblem
from sendopt.schedule.joint.reasons import list_others
from sendopt.schedule.joint.tables import tables_of


def forbidden_beside(problem: JointProblem, slot: NDArray[np.int16]) -> NDArray[np.int8]:
    """Return the first rule that forbids each candidate time of each message.

    A time is judged beside old messages and the other messages of its user where the plan has
    them; capacity is not looked at.

    Args:
        problem: the problem.
        slot: of each message in the plan; -1 = it has none.

    Returns:
        One entry a score, at its place; -1 = no rule does.
    """
    tables = tables_of(problem)
    rule = np.full(len(problem.scores), NONE, np.int8)
    seen = room_for_seen(int(tables.most_history + tables.widest))
    _judge(tables, seen, slot, rule)
    return rule


@entry
def _judge(t, seen, slot, rule):
    for user in range(len(t.first) - 1):
        for m in range(t.first[user], t.first[user + 1]):
            bits = t.counted[t.campaign[m]]
            if bits == 0:
                continue
            count = list_others(user, m, t, seen, slot)
            begin = t.grid_first[t.grid[m]]
            for s in range(t.grid_first[t.grid[m] + 1] - begin):
                then = t.minute[begin + s] + t.phase[user]
                rule[t.score_at[m] + s] = broken_rule(then, bits, seen, count, t.limits)
