"""Campaigns that come again: on which dates, and how far each date has come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

_DAY = timedelta(days=1)
#: Beyond the last of these no date of anything lies.
_LAST = date(2099, 12, 31)


class SeriesPhase(StrEnum):
    """How far a series has come; each is in exactly one phase."""

    ACTIVE = "active"  # each of its dates becomes a campaign
    PAUSED = "paused"  # no date does, and nothing of its campaigns goes out
    CANCELLED = "cancelled"  # for good
    ENDED = "ended"  # its last date has been settled


class DateState(StrEnum):
    """What became of one date of a series."""

    WAITS = "waits"  # is to be committed now, or again after what stood in the way
    COMMITTED = "committed"  # it is a campaign like any other
    MISSED = "missed"  # its window was over before it could be committed
    CANCELLED = "cancelled"  # with its series


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The dates on which a campaign comes again: one of three rules, within a first and a last one.

    Attributes:
        first: inclusive; from it on days are counted.
        last: inclusive; None = without an end.
        weekdays: 0 = Monday, to 6.
        every_days: from `first` on.
        month_days: 1 to 28, or -1 = the last day of the month, to -28: no month lacks one.
        left_out: dates of the rule that are none of the series.
    """

    first: date
    last: date | None
    weekdays: frozenset[int] | None = None
    every_days: int | None = None
    month_days: frozenset[int] | None = None
    left_out: frozenset[date] = frozenset()

    def dates(self, since: date) -> Iterator[date]:
        """Yield the dates from `since` on, inclusive, in order.

        >>> fridays = Recurrence(date(2026, 12, 1), date(2026, 12, 20), weekdays=frozenset({4}))
        >>> [day.day for day in fridays.dates(date(2026, 12, 5))]
        [11, 18]
        """
        day = max(since, self.first)
        last = _LAST if self.last is None else self.last
        while day <= last:
            if self._falls_on(day) and day not in self.left_out:
                yield day
            day += _DAY

    def _falls_on(self, day: date) -> bool:
        if self.weekdays is not None:
            return day.weekday() in self.weekdays
        if self.every_days is not None:
            return (day - self.first).days % self.every_days == 0
        from_the_end = day.day - (_next_month(day) - _DAY).day - 1
        return not (self.month_days or frozenset()).isdisjoint({day.day, from_the_end})


def _next_month(day: date) -> date:
    return (day.replace(day=28) + 4 * _DAY).replace(day=1)
