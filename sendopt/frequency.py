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


def limits_frequency(limits: SendingLimits) -> bool:
    """Tell whether anything is said of how often one user may be sent to."""
    return bool(limits.caps or limits.least_gap) or limits.weekly_budget is not None


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
    for cap, exclusion in _rules(limits, message_type):
        instants = sorted(_counted(cap, contacts))
        place = bisect_right(instants, at)
        instants.insert(place, at)
        first = max(0, place - cap.at_most)
        last = min(place, len(instants) - 1 - cap.at_most)
        if any(
            instants[i + cap.at_most] - instants[i] < cap.within for i in range(first, last + 1)
        ):
            return exclusion
    return None


def may_change_at(
    limits: SendingLimits, contacts: Sequence[Contact], message_type: str | None
) -> list[datetime]:
    """Return the instants from which on one more message may be allowed that was not before."""
    return sorted(
        {
            at + cap.within
            for cap, _ in _rules(limits, message_type)
            for at in _counted(cap, contacts)
        }
    )


def longest_memory(limits: SendingLimits) -> timedelta:
    """Return how far back messages count."""
    every = (*_rules(limits, None), *((cap, None) for cap in limits.caps))
    return max((cap.within for cap, _ in every), default=timedelta(0))


def _rules(
    limits: SendingLimits, message_type: str | None
) -> Iterator[tuple[FrequencyCap, Exclusion]]:
    """Yield each limit that holds for a message of this type, all in the form of a cap."""
    if limits.least_gap:
        yield FrequencyCap(1, limits.least_gap), Exclusion.LEAST_GAP
    for cap in limits.caps:
        if cap.message_type in {None, message_type}:
            yield cap, Exclusion.FREQUENCY_CAP
    if limits.weekly_budget is not None:
        yield FrequencyCap(limits.weekly_budget, _WEEK), Exclusion.WEEKLY_BUDGET


def _counted(cap: FrequencyCap, contacts: Sequence[Contact]) -> Iterator[datetime]:
    return (each.at for each in contacts if cap.message_type in {None, each.message_type})
