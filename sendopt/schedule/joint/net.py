"""What each message of a user brings at each position of its axis, compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import numpy as np

from sendopt.schedule.joint.blocks import NOTHING
from sendopt.schedule.joint.kernel import called, inlined

CLOSED = np.float32(1e30)  # the price of a slot that may not be taken


@called
def net_of_messages(user, price, raised, by, t, a, w):
    """Fill w.alone, w.solo and w.bits for a user; NOTHING where a message may not go.

    That is where no slot of its is open, or where it would break a rule beside old messages,
    which are listed in w.seen.minute and w.seen.rules. Returns how many of these there are.
    Slots of the bucket `raised` cost `by` more, each on its own; -1 = none does.
    """
    axis = a.of_user[user]
    length = a.first[axis + 1] - a.first[axis]
    count = t.first[user + 1] - t.first[user]
    for m in range(count):
        message = t.first[user] + m
        w.bits[m] = t.counted[t.campaign[message]]
        value, cost = np.float32(t.value[t.campaign[message]]), t.cost[message]
        score_at, slot = t.score_at[message], t.grid_first[t.grid[message]]
        place_at = part_of(t.grid[message], axis, a)
        row = w.alone[m]
        if t.barred[t.campaign[message]]:
            row[:length] = NOTHING
            w.solo[m] = NOTHING
        elif place_at < 0:
            w.solo[m] = _fill(row, t.scores[score_at:], price[slot:], value, cost, length)
        else:
            row[:length] = NOTHING
            end = t.grid_first[t.grid[message] + 1]
            for s in range(end - slot):
                if a.place[place_at + s] >= 0:
                    x = value * t.scores[score_at + s] - (price[slot + s] + cost)
                    row[a.place[place_at + s]] = x
            w.solo[m] = top_of(row, length)
        if raised >= 0:
            _raise(row, slot, t.grid_first[t.grid[message] + 1] - slot, place_at, raised, by, t, a)
            w.solo[m] = top_of(row, length)
    if t.old.first[user] == t.old.first[user + 1] or length == 0:
        return 0
    return _beside_history(user, count, t, a, w)


@inlined
def _fill(row, scores, price, value, cost, length):
    top = NOTHING
    for p in range(length):
        x = value * scores[p] - (price[p] + cost)
        row[p] = x
        top = max(top, x)
    return top


@inlined
def _raise(row, slot, slots, place_at, raised, by, t, a):
    for s in range(slots):
        if t.bucket[slot + s, 0] == raised or t.bucket[slot + s, 1] == raised:
            p = s if place_at < 0 else a.place[place_at + s]
            if p >= 0:
                row[p] -= by


@inlined
def top_of(row, length):
    """Return the most that a row holds."""
    top = NOTHING
    for p in range(length):
        top = max(top, row[p])
    return top


@inlined
def part_of(grid, axis, a):
    """Return where the places of a grid's slots on an axis begin; -1 = it is the axis itself."""
    part = a.part_first[axis]
    while a.part_grid[part] != grid:
        part += 1
    return a.part_at[part]


@called
def _beside_history(user, count, t, a, w):
    seen = _list_history(user, t, a, w)
    changed = False
    for rule in range(len(t.limits.at_most)):
        if t.limits.by_day[rule]:
            changed |= _close_days(rule, user, count, seen, t, a, w)
        else:
            changed |= _close_windows(rule, user, count, seen, t, a, w)
    if changed:
        length = a.first[a.of_user[user] + 1] - a.first[a.of_user[user]]
        for m in range(count):
            w.solo[m] = top_of(w.alone[m], length)
    return seen


@inlined
def _list_history(user, t, a, w):
    """List what a window could hold beside a message of the axis."""
    longest = np.int64(0)
    for rule in range(len(t.limits.at_most)):
        longest = max(longest, t.limits.window[rule])
    axis = a.of_user[user]
    since = a.minute[a.first[axis]] + t.phase[user] - longest
    until = a.minute[a.first[axis + 1] - 1] + t.phase[user] + longest
    seen = 0
    for i in range(t.old.first[user], t.old.first[user + 1]):
        if since < t.old.minute[i] < until and t.old.rules[i] != 0:
            w.seen.minute[seen] = t.old.minute[i]
            w.seen.rules[seen] = t.old.rules[i]
            seen += 1
    return seen


@inlined
def _close_windows(rule, user, count, seen, t, a, w):
    """Close where a message would be one too many in a rolling window. Whether anything was."""
    at_most, window = t.limits.at_most[rule], t.limits.window[rule]
    if at_most == 0:
        return False  # whoever it counts is barred
    counted = 0
    for i in range(seen):
        if w.seen.rules[i] >> rule & 1:
            w.seen.near[counted] = w.seen.minute[i]
            counted += 1
    changed = False
    for i in range(counted - at_most + 1):
        begin, end = w.seen.near[i], w.seen.near[i + at_most - 1]
        if end - begin < window:
            # Open at both ends: exactly a window away is free.
            changed |= _close(rule, end - window + 1, begin + window, user, count, t, a, w)
    return changed


@inlined
def _close_days(rule, user, count, seen, t, a, w):
    window, offset = t.limits.window[rule], t.limits.day_offset[rule]
    changed = False
    for i in range(seen):
        if not w.seen.rules[i] >> rule & 1:
            continue
        day = (w.seen.minute[i] + offset) // window
        held = 0
        for j in range(i + 1):
            counts = w.seen.rules[j] >> rule & 1
            held += counts and (w.seen.minute[j] + offset) // window == day
        if held >= t.limits.at_most[rule]:
            begin = day * window - offset
            changed |= _close(rule, begin, begin + window, user, count, t, a, w)
    return changed


@inlined
def _close(rule, begin, end, user, count, t, a, w):
    """Close begin <= minute < end for the messages that a rule counts."""
    axis = a.of_user[user]
    minute = a.minute[a.first[axis] : a.first[axis + 1]]
    from_ = np.searchsorted(minute, begin - t.phase[user])
    to = np.searchsorted(minute, end - t.phase[user])
    if from_ == to:
        return False
    for m in range(count):
        if w.bits[m] >> rule & 1:
            for p in range(from_, to):
                w.alone[m, p] = NOTHING
    return True
