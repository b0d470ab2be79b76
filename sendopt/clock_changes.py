"""When the clocks of a zone are put forward or back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

#: Since 1970 no zone has changed its clocks twice within six days (a test looks at all of them), so
#: that no change hides between two looks.
_BETWEEN_LOOKS = timedelta(days=6)
_SECOND = timedelta(seconds=1)  # of which every change is a multiple


class ClockSetting(NamedTuple):
    """What the clocks of a zone show from an instant on, until the next setting."""

    from_at: datetime  # UTC, inclusive
    offset: timedelta  # so much more than UTC


def clock_settings(zone: tzinfo, begin: datetime, end: datetime) -> tuple[ClockSetting, ...]:
    """Return how clocks in `zone` are set in `begin <= t < end`, in order; the first is at `begin`.

    >>> from datetime import UTC
    >>> from sendopt.clock import zone_of
    >>> year = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    >>> for setting in clock_settings(zone_of("Australia/Lord_Howe"), *year):
    ...     print(f"{setting.from_at:%m-%d %H:%M}", setting.offset)
    01-01 00:00 11:00:00
    04-04 15:00 10:30:00
    10-03 15:30 11:00:00
    """
    found = [ClockSetting(begin, _offset(zone, begin))]
    for year in range(begin.year, end.year + 1):
        for setting in _settings_of_year(zone, year):
            if begin < setting.from_at < end and setting.offset != found[-1].offset:
                found.append(setting)
    return tuple(found)


@lru_cache(16_384)  # 600 zones in 20 years take some seconds
def _settings_of_year(zone: tzinfo, year: int) -> tuple[ClockSetting, ...]:
    """Return how clocks are set in a year of UTC; the first setting is at its beginning."""
    before, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    found = [ClockSetting(before, _offset(zone, before))]
    while before < end:
        after = min(before + _BETWEEN_LOOKS, end)
        if _offset(zone, after) != found[-1].offset:
            change = _change(zone, before, after)
            found.append(ClockSetting(change, _offset(zone, change)))
        before = after
    return tuple(found)


def _change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """Return the second of the one change in `before < t <= after`."""
    offset = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
