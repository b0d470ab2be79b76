"""The best times of one user's messages under prices of capacity, compiled.

Exact but for users with very many messages or a search that was cut: there the bound says how
much more there may be. What a message brings at a slot is its worth less the slot's price.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return, assignment"
# ruff: noqa: PLR0917, SIM110 - compiled code takes arrays, one by one

from __future__ import annotations

import numpy as np

from sendopt.schedule.joint.beside import NONE, broken_rule, held_by_history
from sendopt.schedule.joint.blocks import (
    LANES,
    NOTHING,
    first_of_highest,
    place_pair,
    place_set,
    size_of,
    worth_of_pairs,
    worth_of_sets,
)
from sendopt.schedule.joint.kernel import called, inlined
from sendopt.schedule.joint.net import net_of_messages
from sendopt.schedule.joint.search import bound_rest, search

_ROUNDING = 6e-8  # half of float32's distance between 1 and the next number


@inlined
def best_plan(user, price, highest_price, t, a, w):
    """Place the messages of a user; w.position says where, -1 = nowhere.

    Args:
        user: whose.
        price: of each slot of each grid; huge = closed.
        highest_price: of any that is not.
        t: tables of the problem.
        a: axes.
        w: scratch.

    Returns:
        No plan of the user brings more than this.
    """
    if t.first[user + 1] == t.first[user]:
        return 0.0
    seen = net_of_messages(user, price, -1, np.float32(0.0), t, a, w)
    return best_of_net(user, highest_price, seen, t, a, w)


@called
def best_of_net(user, highest_price, seen, t, a, w):
    """Place the messages of a user by what `net_of_messages` left in w, as `best_plan` does."""
    count = t.first[user + 1] - t.first[user]
    bound, scale = 0.0, 0.0
    lanes = 0
    for m in range(count):
        w.position[m] = -1
        if w.solo[m] <= 0.0:
            continue
        scale += w.solo[m] + highest_price + abs(t.cost[t.first[user] + m])
        if w.bits[m] == 0 or count == 1:
            w.position[m] = _first_at(w.alone[m], w.solo[m])
            bound += w.solo[m]
        else:
            w.order[lanes] = m
            lanes += 1
    if lanes == 1:
        m = w.order[0]
        w.position[m] = _first_at(w.alone[m], w.solo[m])
        bound += w.solo[m]
    elif lanes > 1:
        bound += _together(user, lanes, seen, t, a, w)
    return bound + _ROUNDING * (4 + count) * scale


@inlined
def _first_at(row, top):
    p = 0
    while row[p] < top:
        p += 1
    return p


@inlined
def _together(user, count, seen, t, a, w):
    """Place the messages w.order[:count], which limit each other. Returns what bounds them."""
    n = min(count, t.searched)
    if n < count:
        _best_first(count, w)
    axis = a.of_user[user]
    first_block, last_block = a.block_first[axis], a.block_first[axis + 1]
    common, some = np.int64(-1), np.int64(0)
    for lane in range(n):
        w.lane_bits[lane] = w.bits[w.order[lane]]
        w.lane_position[lane] = -1
        common &= w.lane_bits[lane]
        some |= w.lane_bits[lane]
    for block in range(first_block, last_block):
        for lane in range(n):
            row = w.alone[w.order[lane]]
            for p in range(a.block_from[block], a.block_to[block]):
                w.net[p, lane] = row[p]
    gap = _gap(common, t, a)
    bound = _relaxed(user, n, common, some, gap, t, a, w)
    least = _insert(user, n, seen, t, a, w)
    if least < 0:  # something broke a rule
        least, ended = _searched(user, n, common, gap, seen, t, a, w)
        if ended:
            bound = np.float64(least)
    for lane in range(n):
        w.position[w.order[lane]] = w.lane_position[lane]
    for i in range(n, count):
        bound += w.solo[w.order[i]]
        _add(user, w.order[i], seen, t, a, w)
    return bound


@inlined
def _best_first(count, w):
    for i in range(1, count):
        m = w.order[i]
        at = i
        while at > 0 and w.solo[w.order[at - 1]] < w.solo[m]:
            w.order[at] = w.order[at - 1]
            at -= 1
        w.order[at] = m


@inlined
def _gap(common, t, a):
    """Return the number of the longest gap that holds between any two of the messages."""
    longest = np.int64(0)
    for rule in range(len(t.limits.at_most)):
        if common >> rule & 1 and t.limits.at_most[rule] == 1 and not t.limits.by_day[rule]:
            longest = max(longest, t.limits.window[rule])
    gap = 0
    while a.gap[gap] < longest:
        gap += 1
    return gap


@inlined
def _relaxed(user, n, common, some, gap, t, a, w):
    """Place messages so that blocks hold to their limits, whatever windows over two blocks hold.

    Writes w.lane_position. Returns what they bring: no plan brings more.
    """
    axis = a.of_user[user]
    blocks = a.block_first[axis + 1] - a.block_first[axis]
    sets = 1 << n
    w.total[blocks, :sets] = NOTHING
    w.total[blocks, 0] = 0.0
    for b in range(blocks - 1, -1, -1):
        _worth(user, b, n, common, some, gap, t, a, w)
        in_all = _limit_of_blocks(user, b, blocks - 1, n, common, t, a)
        _extend(b, n, in_all, t, w)
    best, members = np.float32(0.0), np.int64(0)
    for each in range(sets):
        if w.total[0, each] > best:
            best, members = w.total[0, each], each
    for b in range(blocks):
        here = np.int64(w.taken[b, members])
        members = members ^ here
        if here:
            _place(b, here, n, gap, a, axis, w)
    return np.float64(best)


@inlined
def _worth(user, b, n, common, some, gap, t, a, w):
    """Fill w.worth and w.most for block b of the user's axis."""
    axis = a.of_user[user]
    block = a.block_first[axis] + b
    begin, end = a.block_from[block], a.block_to[block]
    most = _limit_of_blocks(user, b, b, n, common, t, a)
    w.most[b] = most
    if most == 0:
        return
    shift = a.shift[gap, block]
    if n <= LANES and most <= 2 and shift >= 0:
        worth_of_pairs(w.net, w.highest, w.pair, begin, end, shift, n, most, w.worth)
    else:
        before = a.before[gap, a.first[axis] :]
        worth_of_sets(w.net, w.highest_of_set, begin, end, before, n, most, w.worth)
    for rule in range(len(t.limits.at_most)):
        if (some & ~common) >> rule & 1:
            _hold_to(rule, user, begin, end, n, t, a, w)


@inlined
def _hold_to(rule, user, begin, end, n, t, a, w):
    """Make sets worth nothing that break a rule which counts some of their messages."""
    from_, to = _span(user, begin, end - 1, t, a)
    held = held_by_history(rule, from_, to, user, t.limits, t.old)
    if held == NONE:
        return
    counted = 0
    for lane in range(n):
        counted |= (w.lane_bits[lane] >> rule & 1) << lane
    for members in range(1, 1 << n):
        size = size_of(members & counted)
        if size > 0 and size > t.limits.at_most[rule] - held:
            w.worth[members] = NOTHING


@inlined
def _span(user, begin, last, t, a):
    at = a.first[a.of_user[user]]
    return a.minute[at + begin] + t.phase[user], a.minute[at + last] + t.phase[user]


@called
def _limit(from_, to, n, common, user, limits, old):
    """Return how many of n messages may stand in a time, by rules that count all of them."""
    limit = n
    for rule in range(len(limits.at_most)):
        if common >> rule & 1:
            held = held_by_history(rule, from_, to, user, limits, old)
            if held != NONE:
                limit = min(limit, max(limits.at_most[rule] - held, 0))
    return limit


@inlined
def _limit_of_blocks(user, b, last, n, common, t, a):
    """Return how many of n messages the blocks b to `last` take."""
    block = a.block_first[a.of_user[user]]
    from_, to = _span(user, a.block_from[block + b], a.block_to[block + last] - 1, t, a)
    return _limit(from_, to, n, common, user, t.limits, t.old)


@inlined
def _extend(b, n, in_all, t, w):
    """Fill w.total[b] and w.taken[b] from those of the next block and what sets are worth here."""
    sets = 1 << n
    after, total, taken, most = w.total[b + 1], w.total[b], w.taken[b], w.most[b]
    for members in range(sets):
        total[members], taken[members] = after[members], 0
    for here in range(1, sets):
        size = size_of(here)
        if size > most or _is_dominated(here, n, w.worth):
            continue
        worth = w.worth[here]
        at = t.disjoint_first[here]
        for i in range(at, at + (sets >> size)):
            rest = np.int64(t.disjoint[i])
            x = after[rest] + worth
            if x > total[rest | here]:
                total[rest | here], taken[rest | here] = x, here
    if in_all < n:
        for members in range(sets):
            if size_of(members) > in_all:
                total[members] = NOTHING


@inlined
def _is_dominated(members, n, worth):
    """Whether leaving out a message of the set brings as much in this block."""
    if worth[members] <= 0.0:
        return True
    if members & (members - 1) == 0:
        return False
    for m in range(n):
        if members >> m & 1 and worth[members ^ 1 << m] >= worth[members]:
            return True
    return False


@inlined
def _place(b, members, n, gap, a, axis, w):
    """Write where the messages of a set stand in a block."""
    block = a.block_first[axis] + b
    begin, end = a.block_from[block], a.block_to[block]
    shift = a.shift[gap, block]
    if not (n <= LANES and w.most[b] <= 2 and shift >= 0):
        before = a.before[gap, a.first[axis] :]
        place_set(w.net, w.highest_of_set, begin, end, before, n, members, w.lane_position)
        return
    one = size_of((members & -members) - 1)
    rest = members & (members - 1)
    if rest == 0:
        w.lane_position[one] = first_of_highest(w.net, w.highest, begin, end - 1, one)
        return
    other = size_of((rest & -rest) - 1)
    place_pair(w.net, w.highest, begin, end, shift, one, other, w.lane_position)


@inlined
def _insert(user, n, seen, t, a, w):
    """Check the placed messages together; returns what they bring, -1 = a rule is broken.

    Messages that break a rule beside those before them are taken out.
    """
    axis = a.of_user[user]
    whole, brought = True, np.float32(0.0)
    for lane in range(n):
        p = w.lane_position[lane]
        if p < 0:
            continue
        then = a.minute[a.first[axis] + p] + t.phase[user]
        bits = w.lane_bits[lane]
        if broken_rule(then, bits, w.seen, seen, t.limits) != NONE:
            w.lane_position[lane] = -1
            whole = False
            continue
        w.seen.minute[seen], w.seen.rules[seen] = then, bits
        seen += 1
        brought += w.net[p, lane]
    return brought if whole else np.float32(-1.0)


@called
def _searched(user, n, common, gap, seen, t, a, w):
    """Place by branch and bound, from what `_insert` left in w.lane_position.

    Returns what was found, and whether nothing better exists.
    """
    axis = a.of_user[user]
    blocks = a.block_first[axis + 1] - a.block_first[axis]
    least = np.float32(0.0)
    for lane in range(n):
        if w.lane_position[lane] >= 0:
            least += w.net[w.lane_position[lane], lane]
    places = _places(user, n, gap, t, a, w)
    total = _limit_of_blocks(user, 0, blocks - 1, n, common, t, a)
    total = total if total < n else 0
    most = 1
    for b in range(blocks):
        most = max(most, w.most[b])
    size = (places + 1) * (total + 1) * (most + 1) * (1 << n)
    if size > len(w.bounds):
        return least, False
    bound = w.bounds[:size].reshape(places + 1, total + 1, most + 1, 1 << n)
    at, after, block = w.place_at[:places], w.place_after[:places], w.place_block[:places]
    bound_rest(w.net, at, after, block, w.most, total, n, bound)
    for lane in range(n):
        w.nodes.found[lane] = w.lane_position[lane]
    least, ended = search(
        *(w.net, at, after, block, w.most, total, n, bound, least),
        *(w.minute, w.lane_bits, seen, t.limits, w.seen, w.nodes),
    )
    for lane in range(n):
        w.lane_position[lane] = w.nodes.found[lane]
    return least, ended


@inlined
def _places(user, n, gap, t, a, w):
    """List the positions where any message brings something; returns how many there are."""
    axis = a.of_user[user]
    block0 = a.block_first[axis]
    places = 0
    for b in range(a.block_first[axis + 1] - block0):
        for p in range(a.block_from[block0 + b], a.block_to[block0 + b]):
            w.minute[p] = a.minute[a.first[axis] + p] + t.phase[user]
            top = NOTHING
            for lane in range(n):
                top = max(top, w.net[p, lane])
            if top > 0.0 and w.most[b] > 0:
                w.place_at[places], w.place_block[places] = p, b
                places += 1
    then = 0
    for i in range(places):
        while then < places and (w.minute[w.place_at[then]] < w.minute[w.place_at[i]] + a.gap[gap]):
            then += 1
        w.place_after[i] = then
    return places


@inlined
def _add(user, m, seen, t, a, w):
    """Place one more message where it brings the most beside all that are placed."""
    count, axis = t.first[user + 1] - t.first[user], a.of_user[user]
    for other in range(count):
        if w.position[other] >= 0 and w.bits[other] != 0:
            w.seen.minute[seen] = a.minute[a.first[axis] + w.position[other]] + t.phase[user]
            w.seen.rules[seen] = w.bits[other]
            seen += 1
    best, chosen = np.float32(0.0), -1
    for p in range(a.first[axis + 1] - a.first[axis]):
        if w.alone[m, p] > best:
            then = a.minute[a.first[axis] + p] + t.phase[user]
            free = broken_rule(then, w.bits[m], w.seen, seen, t.limits)
            if free == NONE:
                best, chosen = w.alone[m, p], p
    w.position[m] = chosen
