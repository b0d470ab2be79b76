"""What sets of a user's messages are worth within one block of time, compiled.

A block is at most a day long. `worth[set]` is the most that exactly the messages of the set can
bring at slots of the block that stand the least gap apart. A set is a mask of bits.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: C901, PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import numpy as np

from sendopt.schedule.joint.kernel import called, inlined

LANES = 8  # of messages, side by side in one vector
NOTHING = np.float32(-1e30)  # what is impossible is worth


@inlined
def size_of(members):
    """Return how many members a set has."""
    count = 0
    while members:
        members &= members - 1
        count += 1
    return count


@inlined
def worth_of_pairs(net, highest, pair, begin, end, shift, n, most, worth):
    """Fill `worth` for sets of at most two (`most`) of n <= LANES messages, by a uniform grid.

    Args:
        net: (positions, LANES) what each message brings at each position.
        highest: the same shape: the most up to that position, within the block. Written.
        pair: (LANES, LANES) scratch.
        begin: of the block.
        end: of the block, exclusive.
        shift: positions between two messages, at least.
        n: messages.
        most: messages in the block.
        worth: of each set; what is larger is left as it is.
    """
    for lane in range(LANES):
        highest[begin, lane] = net[begin, lane]
    for p in range(begin + 1, end):
        for lane in range(LANES):
            highest[p, lane] = max(highest[p - 1, lane], net[p, lane])
    for m in range(n):
        worth[1 << m] = highest[end - 1, m]
    if most < 2:
        return
    for m in range(n):
        for lane in range(LANES):
            pair[m, lane] = NOTHING
    for p in range(begin + shift, end):
        for m in range(n):
            first = highest[p - shift, m]
            for lane in range(LANES):
                pair[m, lane] = max(pair[m, lane], first + net[p, lane])
    for m in range(n):
        for other in range(m):
            worth[1 << m | 1 << other] = max(pair[m, other], pair[other, m])


@called
def worth_of_sets(net, highest, begin, end, before, n, most, worth):
    """Fill `worth` for sets of at most `most` of n messages.

    Args:
        net: (positions, at least n).
        highest: (sets, positions) the most that a set brings up to a position. Written.
        begin: of the block.
        end: of the block, exclusive.
        before: of each position: the last one that is earlier by the gap, -1 = none.
        n: messages.
        most: messages in the block.
        worth: of each set; what is larger is left as it is.
    """
    for members in range(1, 1 << n):
        size = size_of(members)
        if size > most:
            continue
        for p in range(begin, end):
            highest[members, p] = _ending_at(net, highest, begin, members, p, before, n)
            if p > begin:
                highest[members, p] = max(highest[members, p], highest[members, p - 1])
        worth[members] = highest[members, end - 1]


@inlined
def _ending_at(net, highest, begin, members, p, before, n):
    """Return what a set brings whose last message is at p; of equals, the one of least number."""
    if members & (members - 1) == 0:
        m = size_of(members - 1)
        return net[p, m]
    best = NOTHING
    if before[p] < begin:
        return best
    for m in range(n):
        if members >> m & 1:
            best = max(best, highest[members ^ 1 << m, before[p]] + net[p, m])
    return best


@inlined
def place_pair(net, highest, begin, end, shift, one, other, position):
    """Write the positions of the best of two messages in a block."""
    best, last, first, second = NOTHING, end - 1, one, other
    for p in range(begin + shift, end):
        x, y = highest[p - shift, one] + net[p, other], highest[p - shift, other] + net[p, one]
        if max(x, y) > best:
            best, last = max(x, y), p
            first, second = (one, other) if x >= y else (other, one)
    position[second] = last
    position[first] = first_of_highest(net, highest, begin, last - shift, first)


@inlined
def first_of_highest(net, highest, begin, last, m):
    """Return the first position from `begin` on where a message brings the most up to `last`."""
    top = highest[last, m]
    p = begin
    while net[p, m] < top:
        p += 1
    return p


@called
def place_set(net, highest, begin, end, before, n, members, position):
    """Write the positions of the best of a set in a block, as `worth_of_sets` found it."""
    last = end - 1
    while members:
        top = highest[members, last]
        p = begin
        while highest[members, p] < top:
            p += 1
        if members & (members - 1) == 0:
            position[size_of(members - 1)] = p
            return
        best, chosen = NOTHING, 0
        for m in range(n):
            if members >> m & 1:
                x = highest[members ^ 1 << m, before[p]] + net[p, m]
                if x > best:
                    best, chosen = x, m
        position[chosen] = p
        members ^= 1 << chosen
        last = before[p]
