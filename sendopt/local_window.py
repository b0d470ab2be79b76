"""Send windows in local dates: when each user's own calendar and clock show what was asked for.

The 25th of December lasts fifty hours on earth. In each zone it is judged as quiet hours are, at
the instant and by what the clocks there show: an hour that comes twice is in the window twice, and
one that is skipped is not in it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from sendopt.clock_changes import clock_settings
from sendopt.records import LocalWindow

#: How far clocks on earth stand from UTC: from Kiritimati's +14:00 to the -12:00 of ships.
_EASTERNMOST, _WESTERNMOST = timedelta(hours=14), timedelta(hours=-12)


class Span(NamedTuple):
    """Some time without a gap: `begins_at <= t < ends_at`, in UTC."""

    begins_at: datetime
    ends_at: datetime


def everywhere(window: LocalWindow) -> Span:
    """Return from when to when it is in the window in any zone on earth.

    >>> from datetime import time
    >>> christmas = LocalWindow((date(2026, 12, 25),), start=time(8), end=time(12))
    >>> for at in everywhere(christmas):
    ...     print(at)
    2026-12-24 18:00:00+00:00
    2026-12-26 00:00:00+00:00
    """
    shown = [_shown(window, day) for day in window.dates]
    return Span(shown[0][0] - _EASTERNMOST, shown[-1][1] - _WESTERNMOST)


@lru_cache(4_096)
def spans_in(window: LocalWindow, zone: tzinfo) -> tuple[Span, ...]:
    """Return when clocks in `zone` show a time of the window: in order, apart from each other.

    Nothing, where all of it is skipped there: 02:30 of the night in which clocks are put forward.

    >>> from datetime import time
    >>> from sendopt.clock import zone_of
    >>> christmas = LocalWindow((date(2026, 12, 25),), start=time(8), end=time(12))
    >>> spans_in(christmas, zone_of("Asia/Kathmandu"))[0].begins_at.isoformat()
    '2026-12-25T02:15:00+00:00'
    """
    begin, end = everywhere(window)
    settings = clock_settings(zone, begin, end)
    until = [setting.from_at for setting in settings[1:]] + [end]
    found = list[Span]()
    for (from_at, offset), until_at in zip(settings, until, strict=True):
        for day in window.dates:
            first, last = _shown(window, day)
            span = Span(max(first - offset, from_at), min(last - offset, until_at))
            if span.begins_at >= span.ends_at:
                continue
            if found and found[-1].ends_at == span.begins_at:
                found[-1] = Span(found[-1].begins_at, span.ends_at)
            else:
                found.append(span)
    return tuple(found)


def next_span(window: LocalWindow, zone: tzinfo, instant: datetime) -> Span | None:
    """Return the first time in the window from `instant` on, as `zone` has it; None = it is over.

    It begins at `instant` where that is in the window.
    """
    for span in spans_in(window, zone):
        if instant < span.ends_at:
            return Span(max(instant, span.begins_at), span.ends_at)
    return None


def _shown(window: LocalWindow, day: date) -> Span:
    """Return from when to when the window of `day` is on clocks that are set to UTC."""
    begins_at = datetime.combine(day, window.start, tzinfo=UTC)
    return Span(begins_at, begins_at + window.length)
