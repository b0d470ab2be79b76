"""Which of a tenant's limits never bind, because others keep more than they ask for.

They do no harm, and stay: but whoever wrote one meant something by it, and is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sendopt.clock import duration_text
from sendopt.records import FrequencyCap, SendingLimits

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RedundantLimit:
    """A limit that never binds."""

    field: str  # JSON Pointer into the document of the limits
    message: str  # which other limit is the reason


@dataclass(frozen=True, slots=True)
class _Rule:
    """A cap, or what is one under another name."""

    field: str
    cap: FrequencyCap
    text: str


def redundant_limits(limits: SendingLimits) -> list[RedundantLimit]:
    """Return each limit that another one makes pointless, in the order of the document.

    Of two that ask for the same the later one is.
    """
    rules = _rules(limits)
    found = []
    for at, rule in enumerate(rules):
        for other_at, other in enumerate(rules):
            if at == other_at or not _keeps(other.cap, rule.cap):
                continue
            if other_at > at and _keeps(rule.cap, other.cap):
                continue
            found.append(RedundantLimit(rule.field, f"never binds: {other.text} is as strict"))
            break
    overall = next((each.per_minute for each in limits.capacities if each.channel is None), None)
    found += [
        RedundantLimit(
            f"/capacities/{at}", f"never binds: {overall:,} a minute over all channels is as strict"
        )
        for at, each in enumerate(limits.capacities)
        if overall is not None and each.channel is not None and each.per_minute >= overall
    ]
    return found


def _rules(limits: SendingLimits) -> list[_Rule]:
    """Return everything that bounds how many messages a user gets in some time, as caps.

    A least gap G allows one in any half-open window of length G; a weekly budget is a cap on seven
    days.
    """
    rules = [
        _Rule(f"/caps/{at}", cap, f"{cap.at_most} within {duration_text(cap.within)}")
        for at, cap in enumerate(limits.caps)
    ]
    if (gap := limits.least_gap) is not None:
        text = f"the least gap of {duration_text(gap)}"
        rules.append(_Rule("/least_gap", FrequencyCap(1, gap), text))
    if (budget := limits.weekly_budget) is not None:
        text = f"the weekly budget of {budget}"
        rules.append(_Rule("/weekly_budget", FrequencyCap(budget, WEEK), text))
    return rules


def _keeps(one: FrequencyCap, other: FrequencyCap) -> bool:
    """Tell whether whatever keeps to `one` keeps to `other`.

    So many windows of the one as cover a window of the other hold no more messages than it allows.
    """
    if one.message_type not in {None, other.message_type}:
        return False
    windows = -(other.within // -one.within)  # rounded up
    return one.at_most * windows <= other.at_most
