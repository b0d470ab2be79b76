"""Quiet hours: local times in which nobody is woken, judged at the UTC instant.

Judging the instant, not a local timestamp, leaves no hole when clocks change: an hour that occurs
twice is judged twice, an hour that does not exist is never reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import product

from sendopt.clock import as_utc
from sendopt.errors import InvalidInput
from sendopt.records import QuietHours

_MICROSECOND = timedelta(microseconds=1)


def in_quiet_hours(instant: datetime, zone: tzinfo, quiet: QuietHours) -> bool:
    """Whether clocks in `zone` show a quiet time at `instant`: `start` does, `end` does not.

    `start == end` is the whole day: read the other way, a slip would wake people at night.

    >>> from datetime import time
    >>> from sendopt.clock import zone_of
    >>> night = QuietHours(start=time(22), end=time(7))
    >>> in_quiet_hours(datetime(2026, 10, 1, 20, 0, tzinfo=UTC), zone_of("Europe/Berlin"), night)
    True
    """
    local = instant.astimezone(zone).time()
    if quiet.start < quiet.end:
        return quiet.start <= local < quiet.end
    return local >= quiet.start or local < quiet.end


def next_allowed(instant: datetime, zone: tzinfo, quiet: QuietHours) -> datetime:
    """Return the earliest instant, not before `instant`, outside quiet hours; in UTC.

    Raises:
        InvalidInput: `no_feasible_slot`, if the whole day is quiet.
    """
    if quiet.start == quiet.end:
        raise InvalidInput(
            f"quiet from {quiet.start} to {quiet.end} is the whole day",
            code="no_feasible_slot",
            expected="some time of the day in which messages may be sent",
        )
    instant = as_utc(instant)
    while in_quiet_hours(instant, zone, quiet):
        instant = next_showing(instant, zone, quiet.end)
    return instant


def next_allowed_everywhere(
    instant: datetime, zones: Sequence[tzinfo], quiet: Sequence[QuietHours], *, until: datetime
) -> datetime:
    """Return the earliest instant, not before `instant`, that no quiet hours forbid in any zone.

    It looks no further than `until`; where all is quiet up to there, it returns an instant from
    `until` on.

    Raises:
        InvalidInput: `no_feasible_slot`, if the whole day is quiet by one of them.
    """
    instant = as_utc(instant)
    while instant < until:
        allowed_at = instant
        for zone, each in product(zones, quiet):
            allowed_at = next_allowed(allowed_at, zone, each)
        if allowed_at == instant:
            break
        instant = allowed_at
    return instant


def next_quiet_anywhere(
    instant: datetime, zones: Sequence[tzinfo], quiet: Sequence[QuietHours], *, until: datetime
) -> datetime:
    """Return the earliest instant, not before `instant`, that quiet hours forbid in some zone.

    `until` where that is earlier.

    >>> from datetime import time
    >>> from sendopt.clock import zone_of
    >>> noon, night = datetime(2026, 10, 1, 12, tzinfo=UTC), QuietHours(time(22), time(7))
    >>> berlin, tokyo = zone_of("Europe/Berlin"), zone_of("Asia/Tokyo")
    >>> next_quiet_anywhere(
    ...     noon, [berlin, tokyo], [night], until=noon + timedelta(days=1)
    ... ).isoformat()
    '2026-10-01T13:00:00+00:00'
    """
    begins = [_next_quiet(instant, zone, each) for zone, each in product(zones, quiet)]
    return min([*begins, until])


def _next_quiet(instant: datetime, zone: tzinfo, quiet: QuietHours) -> datetime:
    if quiet.start == quiet.end:  # the whole day
        return as_utc(instant)
    return next_allowed(instant, zone, QuietHours(start=quiet.end, end=quiet.start))


def next_showing(instant: datetime, zone: tzinfo, wanted: time) -> datetime:
    """Return when `zone` next shows `wanted`, or changes its offset, whichever is first.

    That is later than `instant`.
    """
    local = instant.astimezone(zone).replace(tzinfo=None)
    end = datetime.combine(local, wanted)
    if end <= local:
        end += timedelta(days=1)
    before, after = instant, instant + (end - local)
    offset = before.astimezone(zone).utcoffset()
    if after.astimezone(zone).utcoffset() == offset:
        return after
    while after - before > _MICROSECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.astimezone(UTC)
