"""How often a user may be sent to: caps over rolling windows, and the least gap between two.

A limit is judged over all messages of a user that count, in whatever order they were decided. With
the instants in order, a cap of k messages in any half-open window of length W holds where any k + 1
of them in a row spread over W at least: T[i + k] - T[i] >= W.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sendopt.records import Exclusion, FrequencyCap, SendingLimits

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Contact:
    """A marketing message that a user has got, or gets, at an instant."""

    at: datetime
    message_type: str | None


@dataclass(frozen=True, slots=True)
class UserLimit:
    """A limit on messages to one user in the form of a cap, and what it is called in records."""

    cap: FrequencyCap
    bar: Exclusion


def user_limits(limits: SendingLimits) -> tuple[UserLimit, ...]:
    """Return all that is said of how often one user may be sent to.

    Of several that forbid a time the first is told.
    """
    found = []
    if limits.least_gap is not None:
        found.append(UserLimit(FrequencyCap(1, limits.least_gap), Exclusion.LEAST_GAP))
    found += [UserLimit(cap, Exclusion.FREQUENCY_CAP) for cap in limits.caps]
    if limits.weekly_budget is not None:
        budget = FrequencyCap(limits.weekly_budget, _WEEK)
        found.append(UserLimit(budget, Exclusion.WEEKLY_BUDGET))
    return tuple(found)


def counts(cap: FrequencyCap, message_type: str | None) -> bool:
    """Tell whether a marketing message of this type counts against a cap, and is held by it."""
    return cap.message_type in {None, message_type}


def broken_by(
    limits: SendingLimits, contacts: Sequence[Contact], at: datetime, message_type: str | None
) -> Exclusion | None:
    """Return the limit that one more message at this instant would break; None = none.

    >>> from datetime import UTC
    >>> noon, hour = datetime(2026, 10, 1, 12, tzinfo=UTC), timedelta(hours=1)
    >>> limits = SendingLimits(caps=(FrequencyCap(1, within=2 * hour),))
    >>> print(broken_by(limits, [Contact(noon, None)], noon + hour, None))
    frequency_cap
    >>> broken_by(limits, [Contact(noon, None)], noon + 2 * hour, None) is None
    True
    """
    for limit in _holding(limits, message_type):
        cap = limit.cap
        instants = sorted(_counted(cap, contacts))
        place = bisect_right(instants, at)
        instants.insert(place, at)
        first = max(0, place - cap.at_most)
        last = min(place, len(instants) - 1 - cap.at_most)
        if any(
            instants[i + cap.at_most] - instants[i] < cap.within for i in range(first, last + 1)
        ):
            return limit.bar
    return None


def may_change_at(
    limits: SendingLimits, contacts: Sequence[Contact], message_type: str | None
) -> list[datetime]:
    """Return the instants from which on one more message may be allowed that was not before."""
    return sorted(
        {
            at + limit.cap.within
            for limit in _holding(limits, message_type)
            for at in _counted(limit.cap, contacts)
        }
    )


def longest_memory(limits: SendingLimits) -> timedelta:
    """Return how far from a message another one may lie and still count beside it."""
    return max((each.cap.within for each in user_limits(limits)), default=timedelta(0))


def _holding(limits: SendingLimits, message_type: str | None) -> list[UserLimit]:
    return [each for each in user_limits(limits) if counts(each.cap, message_type)]


def _counted(cap: FrequencyCap, contacts: Sequence[Contact]) -> Iterator[datetime]:
    return (each.at for each in contacts if counts(cap, each.message_type))
