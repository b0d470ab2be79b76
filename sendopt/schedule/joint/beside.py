"""Which rule a message would break beside others of its user, compiled.

A rule (k, W) is broken by a message where k others that it counts stand with it inside less than
W minutes. Only windows with the message in them are looked at: what old messages did among
themselves is past.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.joint.kernel import called, inlined

NONE = -1


class Seen(NamedTuple):
    """Messages of one user that count, listed in scratch; `near` is for `broken_rule` alone."""

    minute: NDArray[np.int64]
    rules: NDArray[np.int64]
    near: NDArray[np.int64]


def room_for_seen(messages: int) -> Seen:
    """Return scratch for as many messages."""
    return Seen(*(np.zeros(messages + 1, np.int64) for _ in range(3)))


@called
def broken_rule(minute, rules, seen, count, limits):
    """Return the first rule that a message at `minute` breaks beside others; NONE = none.

    Args:
        minute: when.
        rules: which hold for it.
        seen: the others, in any order.
        count: how many there are.
        limits: the rules.
    """
    for rule in range(len(limits.at_most)):
        if rules >> rule & 1 and breaks(rule, minute, seen, count, limits):
            return rule
    return NONE


@inlined
def breaks(rule, minute, seen, others, limits):
    """Whether a message at `minute`, which the rule counts, breaks it beside others."""
    at_most, window = limits.at_most[rule], limits.window[rule]
    if at_most == 0:
        return True
    by_day = limits.by_day[rule]
    day = (minute + limits.day_offset[rule]) // window if by_day else 0
    count = earlier = 0
    for i in range(others):
        if not seen.rules[i] >> rule & 1:
            continue
        then = seen.minute[i]
        if by_day:
            count += (then + limits.day_offset[rule]) // window == day
        elif minute - window < then < minute + window:
            at = count  # in order of time
            while at > 0 and seen.near[at - 1] > then:
                seen.near[at] = seen.near[at - 1]
                at -= 1
            seen.near[at] = then
            count += 1
            earlier += then <= minute
    if count < at_most:
        return False
    if by_day:
        return True
    # Windows that hold `before` others up to this one, and the rest after it.
    for before in range(at_most + 1):
        if before > earlier or earlier + at_most - before > count:
            continue
        begin = seen.near[earlier - before] if before > 0 else minute
        end = seen.near[earlier + at_most - before - 1] if before < at_most else minute
        if end - begin < window:
            return True
    return False


@called
def held_by_history(rule, begin, end, user, limits, old):
    """Return how many old messages a window of a rule holds that spans `begin` to `end`.

    That of the fullest such window; NONE = no window spans them. Whatever new messages lie
    between share what is left.
    """
    window = limits.window[rule]
    h0, h1 = old.first[user], old.first[user + 1]
    most = 0
    if limits.by_day[rule]:
        offset = limits.day_offset[rule]
        day = (begin + offset) // window
        if (end + offset) // window != day:
            return NONE
        for i in range(h0, h1):
            counts = old.rules[i] >> rule & 1
            most += counts and (old.minute[i] + offset) // window == day
        return most
    if end - begin >= window:
        return NONE
    # A fullest window begins at an old message, or at `begin`.
    for i in range(h0, h1 + 1):
        since = begin if i == h1 else old.minute[i]
        if since <= end - window or since > begin:
            continue
        held = 0
        for j in range(h0, h1):
            inside = since <= old.minute[j] < since + window
            held += inside and old.rules[j] >> rule & 1
        most = max(most, held)
    return most
