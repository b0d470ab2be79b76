"""How demand answers to a price, compiled: who holds a slot is asked where he would go."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

from sendopt.schedule.joint.kernel import entry, inlined
from sendopt.schedule.joint.net import net_of_messages
from sendopt.schedule.joint.slots import slot_at
from sendopt.schedule.joint.user import best_of_net


@entry
def respond(users, price, highest_price, by, t, a, w, slot, response):
    """Add to response[b] how loads change when bucket b costs by[b] more; its holders alone move.

    Args:
        users: whom to ask.
        price: of each slot of each grid.
        highest_price: of any.
        by: how much more a bucket costs.
        t: tables of the problem.
        a: axes.
        w: scratch.
        slot: what each message takes without it.
        response: (buckets, buckets + 1); the last column is of no bucket.
    """
    for user in users:
        for m in range(t.first[user], t.first[user + 1]):
            if slot[m] < 0:
                continue
            held = t.grid_first[t.grid[m]] + slot[m]
            for k in range(2):
                raised = t.bucket[held, k]
                if raised >= 0 and not _earlier_holds(user, m, raised, t, slot):
                    seen = net_of_messages(user, price, raised, by[raised], t, a, w)
                    best_of_net(user, highest_price, seen, t, a, w)
                    _add_change(user, t, a, w, slot, response[raised])


@inlined
def _earlier_holds(user, m, bucket, t, slot):
    """Whether an earlier message of the user holds the bucket."""
    for other in range(t.first[user], m):
        if slot[other] >= 0:
            held = t.grid_first[t.grid[other]] + slot[other]
            if t.bucket[held, 0] == bucket or t.bucket[held, 1] == bucket:
                return True
    return False


@inlined
def _add_change(user, t, a, w, slot, change):
    first, axis = t.first[user], a.of_user[user]
    for m in range(first, t.first[user + 1]):
        if slot[m] >= 0:
            held = t.grid_first[t.grid[m]] + slot[m]
            change[t.bucket[held, 0]] -= 1
            change[t.bucket[held, 1]] -= 1
        if w.position[m - first] >= 0:
            at = t.grid_first[t.grid[m]] + slot_at(t.grid[m], w.position[m - first], axis, a)
            change[t.bucket[at, 0]] += 1
            change[t.bucket[at, 1]] += 1
