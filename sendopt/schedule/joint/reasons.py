"""Why messages are not at the slots that are best for them alone, compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.parallel import in_turn
from sendopt.schedule.joint.beside import NONE, broken_rule, room_for_seen
from sendopt.schedule.joint.kernel import entry, inlined
from sendopt.schedule.joint.passes import Passes, chunks
from sendopt.schedule.joint.plan import (
    BY_CAPACITY,
    NO_ALLOWED_SLOT,
    NOT_WORTH_ITS_COST,
    NOTHING_BINDS,
)

_NO_SLOT = -1


def give_reasons(
    passes: Passes,
    allowed: NDArray[np.bool_],
    users: NDArray[np.int64],
    bound_by: NDArray[np.int8],
    given_up: NDArray[np.float32],
) -> None:
    """Write what binds the messages of some users in a plan, and what they gave up.

    Args:
        passes: with the plan.
        allowed: which slots of the grids are allowed, whatever their capacity.
        users: whose.
        bound_by: see `JointPlan`. Written.
        given_up: see `JointPlan`. Written.
    """
    tables = passes.prepared.tables

    def one(chunk: NDArray[np.int64]) -> None:
        seen = room_for_seen(int(tables.most_history + tables.widest))
        _judge(chunk, allowed, tables, seen, passes.slot, bound_by, given_up)

    for _ in in_turn(one, chunks(users), at_once=passes.threads):
        pass


@entry
def _judge(users, allowed, t, seen, slot, bound_by, given_up):
    for user in users:
        for m in range(t.first[user], t.first[user + 1]):
            best, top = _best_alone(m, allowed, t)
            bound_by[m], given_up[m] = NOTHING_BINDS, 0.0
            if best == _NO_SLOT:
                bound_by[m] = NO_ALLOWED_SLOT
                continue
            if slot[m] < 0 and top <= 0.0:
                bound_by[m] = NOT_WORTH_ITS_COST
                continue
            now = 0.0 if slot[m] < 0 else _worth(m, slot[m], t)
            if now >= top:
                continue
            given_up[m] = top - now
            rule = rule_at(user, m, best, t, seen, slot)
            bound_by[m] = BY_CAPACITY if rule == NONE else rule


@inlined
def _worth(m, s, t):
    return t.value[t.campaign[m]] * t.scores[t.score_at[m] + s] - t.cost[m]


@inlined
def _best_alone(m, allowed, t):
    """Return the slot that is best for a message alone, and what it brings there."""
    best, top = _NO_SLOT, 0.0
    begin = t.grid_first[t.grid[m]]
    for s in range(t.grid_first[t.grid[m] + 1] - begin):
        if allowed[begin + s] and (best == _NO_SLOT or _worth(m, s, t) > top):
            best, top = s, _worth(m, s, t)
    return best, top


@inlined
def rule_at(user, m, s, t, seen, slot):
    """Return the rule that a message at a slot breaks beside all others of its user."""
    count = list_others(user, m, t, seen, slot)
    then = t.minute[t.grid_first[t.grid[m]] + s] + t.phase[user]
    bits = t.counted[t.campaign[m]]
    return broken_rule(then, bits, seen, count, t.limits)


@inlined
def list_others(user, m, t, seen, slot):
    """List what a message of a user stands beside: old ones, and others where they are planned."""
    count = 0
    for i in range(t.old.first[user], t.old.first[user + 1]):
        seen.minute[count], seen.rules[count] = t.old.minute[i], t.old.rules[i]
        count += 1
    for other in range(t.first[user], t.first[user + 1]):
        if other != m and slot[other] >= 0:
            at = t.grid_first[t.grid[other]] + slot[other]
            seen.minute[count] = t.minute[at] + t.phase[user]
            seen.rules[count] = t.counted[t.campaign[other]]
            count += 1
    return count
