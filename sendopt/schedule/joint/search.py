"""Branch and bound over the times of one user's messages, compiled.

Messages are placed in order of time. What the rest can still bring is bounded by a table that
holds to the least gap, to what a block may still take, and to how many messages may go in all.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import numpy as np

from sendopt.schedule.joint.beside import NONE, broken_rule
from sendopt.schedule.joint.kernel import called, inlined

MOST_NODES = 20_000


@called
def bound_rest(net, at, after, block, most, total, n, bound):
    """Fill bound[i, t, c, s]: what messages of set s can bring at most from place i on.

    t more may go in all (0 where that is no limit), c more in the block of i; where the rest begins
    another block, as many as that one takes.

    Args:
        net: (positions, at least n).
        at: positions that are open, by time.
        after: of each: the first place (index of `at`) that is later by the gap.
        block: of each.
        most: of each block: how many messages it takes.
        total: how many may go in all; 0 = that is no limit.
        n: messages.
        bound: (places + 1, total + 1, largest of `most` + 1, 2^n).
    """
    places = len(at)
    counted = 1 if total > 0 else 0
    bound[places] = 0.0
    for i in range(places - 1, -1, -1):
        p, here, then = at[i], block[i], after[i]
        for t in range(total + 1):
            for c in range(most[here] + 1):
                skipped = most[block[i + 1]] if i + 1 < places and block[i + 1] != here else c
                row = bound[i, t, c]
                later = bound[i + 1, t, skipped]
                for members in range(1 << n):
                    row[members] = later[members]
                if t >= counted and c > 0:
                    taken = c - 1
                    if then < places and block[then] != here:
                        taken = most[block[then]]
                    _take_one(net[p], bound[then, t - counted, taken], n, row)


@inlined
def _take_one(brings, rest, n, row):
    """Raise what each set brings where one of its messages goes here, and the others later."""
    for m in range(n):
        x, bit = brings[m], 1 << m
        for high in range(0, 1 << n, 2 * bit):
            for low in range(high, high + bit):
                row[low + bit] = max(row[low + bit], x + rest[low])


@called
def search(
    net, at, after, block, most, total, n, bound, least, minute, rules, count, limits, seen, w
):
    """Place messages of one user so that they bring the most, holding to every rule.

    Args:
        net: see `bound_rest`, as the next seven.
        at: 〃.
        after: 〃.
        block: 〃.
        most: 〃.
        total: 〃.
        n: 〃.
        bound: filled by it.
        least: what a plan is known to bring; less is not looked for.
        minute: of each position.
        rules: of each message.
        count: how many old messages are seen.
        limits: the rules.
        seen: the old messages; what is placed is listed behind them.
        w: scratch; w.found is written where something better than `least` was found.

    Returns:
        What was found, or `least`; and whether the search came to its end.
    """
    places, counted = len(at), 1 if total > 0 else 0
    depth, nodes = 0, 0
    w.open_set[0], w.brought[0], w.since[0], w.left[0] = (1 << n) - 1, 0.0, 0, total
    w.in_block[0] = most[block[0]]
    w.last_bound[0], w.last_choice[0] = np.float32(1e30), -1
    w.chosen_place[0] = -1
    while depth >= 0:
        nodes += 1
        if nodes > MOST_NODES:
            return least, False
        choice, value = _next_child(net, at, after, block, most, counted, n, bound, least, depth, w)
        if choice < 0:
            depth -= 1
            continue
        w.last_bound[depth], w.last_choice[depth] = value, choice
        i, m = choice // n, choice % n
        then = minute[at[i]]
        if broken_rule(then, rules[m], seen, count + depth, limits) != NONE:
            continue
        seen.minute[count + depth], seen.rules[count + depth] = then, rules[m]
        w.chosen_place[depth + 1], w.chosen[depth + 1] = i, m
        depth += 1
        brought = w.brought[depth - 1] + net[at[i], m]
        if brought > least:
            least = brought
            w.found[:n] = -1
            for d in range(1, depth + 1):
                w.found[w.chosen[d]] = at[w.chosen_place[d]]
        w.open_set[depth] = w.open_set[depth - 1] ^ 1 << m
        w.brought[depth], w.left[depth] = brought, w.left[depth - 1] - counted
        w.since[depth] = after[i]
        w.in_block[depth] = 0
        if after[i] < places:
            same = block[after[i]] == block[i]
            w.in_block[depth] = most[block[after[i]]]
            if same:
                before = w.in_block[depth - 1] if _same(block, w, depth, i) else most[block[i]]
                w.in_block[depth] = before - 1
        w.last_bound[depth], w.last_choice[depth] = np.float32(1e30), -1
    return least, True


@inlined
def _same(block, w, depth, i):
    """Whether the place i is of the block in which the node above began to look."""
    return block[w.since[depth - 1]] == block[i]


@inlined
def _next_child(net, at, after, block, most, counted, n, bound, least, depth, w):
    """Return the best child of a node that was not tried yet and may beat `least`; -1 = none.

    A child is place x n + message. Children of one bound come by number.
    """
    members, left, brought = w.open_set[depth], w.left[depth], w.brought[depth]
    top, number = w.last_bound[depth], w.last_choice[depth]
    best, choice = least, -1
    if left < counted or members == 0:
        return choice, best
    begin = w.since[depth]
    places = len(at)
    for i in range(begin, places):
        here = block[i]
        quota = w.in_block[depth] if here == block[begin] else most[here]
        if quota <= 0:
            continue
        # Nothing from here on is better than what the table says of here.
        if brought + bound[i, left, quota, members] <= best:
            break
        then = after[i]
        rest_quota = quota - 1
        if then < places and block[then] != here:
            rest_quota = most[block[then]]
        for m in range(n):
            if not members >> m & 1:
                continue
            rest = bound[then, left - counted, rest_quota, members ^ 1 << m]
            x = brought + net[at[i], m] + rest
            if x > best and (x < top or (x == top and i * n + m > number)):
                best, choice = x, i * n + m
    return choice, best
