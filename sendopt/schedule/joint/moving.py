"""Other plans of users whose slots are over capacity, and which of them are taken; compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import numpy as np

from sendopt.schedule.joint.blocks import NOTHING
from sendopt.schedule.joint.kernel import called, entry, inlined
from sendopt.schedule.joint.net import CLOSED, net_of_messages, part_of, top_of
from sendopt.schedule.joint.slots import slot_at
from sendopt.schedule.joint.user import best_of_net


@entry
def other_plans(users, price, highest_price, room, t, a, w, slot, other, regret):
    """Write the best plan of each user that takes no more of any bucket than there is room.

    Args:
        users: whose.
        price: of each slot of each grid.
        highest_price: of any.
        room: of each bucket, below 0 where it is over its capacity; the last is of no bucket.
        t: tables of the problem.
        a: axes.
        w: scratch.
        slot: what messages take now.
        other: what they would take. Written.
        regret: of each user: what the other plan brings less than the present one. Written.
    """
    for user in users:
        regret[user] = _other_plan(user, price, highest_price, room, t, a, w, slot, other)


@called
def _other_plan(user, price, highest_price, room, t, a, w, slot, other):
    """Do for one user what `other_plans` does; returns the regret."""
    seen = net_of_messages(user, price, -1, np.float32(0.0), t, a, w)
    _close_full(user, room, t, a, w, slot)
    best_of_net(user, highest_price, seen, t, a, w)
    first, axis = t.first[user], a.of_user[user]
    for m in range(first, t.first[user + 1]):
        position = w.position[m - first]
        other[m] = -1 if position < 0 else slot_at(t.grid[m], position, axis, a)
    return _brought(user, price, t, slot) - _brought(user, price, t, other)


@inlined
def _brought(user, price, t, slot):
    brought = 0.0
    for m in range(t.first[user], t.first[user + 1]):
        if slot[m] >= 0:
            at = t.grid_first[t.grid[m]] + slot[m]
            # A slot that was closed since it was taken is left at any price but this.
            paid = price[at] if price[at] < CLOSED else np.float32(0.0)
            worth = t.value[t.campaign[m]] * t.scores[t.score_at[m] + slot[m]]
            brought += worth - t.cost[m] - paid
    return brought


@inlined
def _close_full(user, room, t, a, w, slot):
    """Close slots without room, but for those of buckets that the user holds and may keep."""
    first, axis = t.first[user], a.of_user[user]
    length = a.first[axis + 1] - a.first[axis]
    for m in range(first, t.first[user + 1]):
        row = w.alone[m - first]
        begin, place_at = t.grid_first[t.grid[m]], part_of(t.grid[m], axis, a)
        for s in range(t.grid_first[t.grid[m] + 1] - begin):
            p = s if place_at < 0 else a.place[place_at + s]
            if p < 0 or row[p] <= 0.0:
                continue
            for k in range(2):
                bucket = t.bucket[begin + s, k]
                if room[bucket] < 0 or (room[bucket] == 0 and not _holds(user, bucket, t, slot)):
                    row[p] = NOTHING
        w.solo[m - first] = top_of(row, length)


@inlined
def _holds(user, bucket, t, slot):
    for m in range(t.first[user], t.first[user + 1]):
        if slot[m] >= 0:
            at = t.grid_first[t.grid[m]] + slot[m]
            if t.bucket[at, 0] == bucket or t.bucket[at, 1] == bucket:
                return True
    return False


@entry
def take(users, least_gain, price, highest_price, room, t, a, w, slot, other):
    """Give users their other plans, one after the other, as far as there is room at that moment.

    Whose other plan has no room any more is planned anew first.

    Args:
        users: in the order in which they are asked.
        least_gain: who gains no more keeps the present plan. Below 0: only who leaves a bucket
            that is over its capacity moves, at any loss.
        price: see `other_plans`, as all that follow.
        highest_price: 〃.
        room: 〃. Changed.
        t: 〃.
        a: 〃.
        w: 〃.
        slot: 〃. Changed.
        other: their other plans. Changed.

    Returns:
        How many moved.
    """
    moved = 0
    for user in users:
        if least_gain < 0.0 and not _is_over(user, t, slot, room):
            continue
        if _exchange(user, t, slot, other, room):
            moved += 1
            continue
        regret = _other_plan(user, price, highest_price, room, t, a, w, slot, other)
        if (least_gain < 0.0 or -regret > least_gain) and _exchange(user, t, slot, other, room):
            moved += 1
    return moved


@inlined
def _is_over(user, t, slot, room):
    for m in range(t.first[user], t.first[user + 1]):
        if slot[m] >= 0:
            at = t.grid_first[t.grid[m]] + slot[m]
            if room[t.bucket[at, 0]] < 0 or room[t.bucket[at, 1]] < 0:
                return True
    return False


@called
def _exchange(user, t, slot, other, room):
    """Give a user the other plan if no bucket that it takes is over capacity then."""
    _add(user, 1, t, slot, room)
    _add(user, -1, t, other, room)
    if _is_over(user, t, other, room):
        _add(user, 1, t, other, room)
        _add(user, -1, t, slot, room)
        return False
    for m in range(t.first[user], t.first[user + 1]):
        slot[m] = other[m]
    return True


@inlined
def _add(user, count, t, slot, room):
    for m in range(t.first[user], t.first[user + 1]):
        if slot[m] >= 0:
            at = t.grid_first[t.grid[m]] + slot[m]
            for k in range(2):
                if t.bucket[at, k] >= 0:
                    room[t.bucket[at, k]] += count


@entry
def drop(messages, t, slot, room):
    """Leave messages unsent, in this order, where their buckets are over capacity."""
    for m in messages:
        if slot[m] < 0:
            continue
        at = t.grid_first[t.grid[m]] + slot[m]
        if room[t.bucket[at, 0]] < 0 or room[t.bucket[at, 1]] < 0:
            slot[m] = -1
            for k in range(2):
                if t.bucket[at, k] >= 0:
                    room[t.bucket[at, k]] += 1


@entry
def tally(t, slot, load):
    """Add the messages of a plan to the loads; return what they are worth."""
    worth = 0.0
    for m in range(len(slot)):
        if slot[m] >= 0:
            at = t.grid_first[t.grid[m]] + slot[m]
            load[t.bucket[at, 0]] += 1
            load[t.bucket[at, 1]] += 1
            worth += t.value[t.campaign[m]] * t.scores[t.score_at[m] + slot[m]] - t.cost[m]
    return worth
