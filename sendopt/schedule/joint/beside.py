"""Which rule a message would break beside others of its user, compiled.

A rule (k, W) is broken by a message where k others that it counts stand with it inside less than
W minutes. Only windows with the message in them are looked at: what old messages did among
themselves is past.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

from sendopt.compiled import compiled

NONE = -1


@compiled(forceinline=True, _nrt=False)
def broken_rule(minute, rules, seen_minute, seen_rules, seen, tables, near):
    """Return the first rule that a message at `minute` breaks beside others; NONE = none.

    Args:
        minute: when.
        rules: which hold for it.
        seen_minute: of the others, in any order.
        seen_rules: which count them.
        seen: how many there are.
        tables: with the rules.
        near: scratch, for as many as `seen`.
    """
    for rule in range(len(tables.at_most)):
        if rules >> rule & 1 and breaks(rule, minute, seen_minute, seen_rules, seen, tables, near):
            return rule
    return NONE


@compiled(forceinline=True, _nrt=False)
def breaks(rule, minute, seen_minute, seen_rules, seen, tables, near):
    """Whether a message at `minute`, which the rule counts, breaks it beside others."""
    at_most, window = tables.at_most[rule], tables.window[rule]
    if at_most == 0:
        return True
    by_day = tables.by_day[rule]
    day = (minute + tables.day_offset[rule]) // window if by_day else 0
    count = earlier = 0
    for i in range(seen):
        if not seen_rules[i] >> rule & 1:
            continue
        then = seen_minute[i]
        if by_day:
            count += (then + tables.day_offset[rule]) // window == day
        elif minute - window < then < minute + window:
            at = count  # in order of time
            while at > 0 and near[at - 1] > then:
                near[at] = near[at - 1]
                at -= 1
            near[at] = then
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
        begin = near[earlier - before] if before > 0 else minute
        end = near[earlier + at_most - before - 1] if before < at_most else minute
        if end - begin < window:
            return True
    return False


@compiled(forceinline=True, _nrt=False)
def held_by_history(rule, begin, end, user, tables):
    """Return how many old messages a window of a rule holds that spans `begin` to `end`.

    That of the fullest such window; NONE = no window spans them. Whatever new messages lie
    between share what is left.
    """
    window = tables.window[rule]
    h0, h1 = tables.history_first[user], tables.history_first[user + 1]
    most = 0
    if tables.by_day[rule]:
        offset = tables.day_offset[rule]
        day = (begin + offset) // window
        if (end + offset) // window != day:
            return NONE
        for i in range(h0, h1):
            counts = tables.history_rules[i] >> rule & 1
            most += counts and (tables.history_minute[i] + offset) // window == day
        return most
    if end - begin >= window:
        return NONE
    # A fullest window begins at an old message, or at `begin`.
    for i in range(h0, h1 + 1):
        since = begin if i == h1 else tables.history_minute[i]
        if since <= end - window or since > begin:
            continue
        held = 0
        for j in range(h0, h1):
            inside = since <= tables.history_minute[j] < since + window
            held += inside and tables.history_rules[j] >> rule & 1
        most = max(most, held)
    return most
