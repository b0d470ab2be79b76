"""The only reader of time.

Everything that needs to know or to wait for the time takes a `Clock`. A whole virtual day can
therefore be run, crashed and replayed in seconds. Nothing else may call `datetime.now`,
`time.time` or `time.sleep`; the linter refuses it.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as time_of_day
from functools import cache, lru_cache
from importlib.resources import files
from typing import Protocol
from zoneinfo import ZoneInfo  # noqa: TID251 - the one place where zones enter

import tzdata

from sendopt.errors import InvalidInput
from sendopt.text import nearest, quoted

#: How far the clock of whoever reports something may differ from ours.
CLOCK_TOLERANCE = timedelta(minutes=5)

#: Instants that anything may be dated with: `EARLIEST_AT <= instant < LATEST_AT`. Before lie times
#: that a program made of 0, beyond them those that it made of a wrong unit; and a day, a week or a
#: lifetime can be added to either end without leaving the years 1 to 9999 of a calendar.
EARLIEST_AT = datetime(1971, 1, 1, tzinfo=UTC)
LATEST_AT = datetime(2100, 1, 1, tzinfo=UTC)

# RFC 3339, and what databases and languages print in its place: a blank for the T, no seconds,
# lower case, offsets as +0200 and +02, " UTC". 24:00 and leap seconds are left out: they would move
# by a day or not be kept.
_INSTANT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<time>([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,12})?)?)"
    r" ?(?P<zone>[Zz]|UTC|[+-](0\d|1[0-5])(:?[0-5]\d)?)",
    re.ASCII,
)


#: Lengths of time as people write them; a day is 24 hours.
DURATION_PATTERN = "[0-9]{1,9}[smhd]"
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_LONGEST = timedelta(days=366)

#: Times on a clock face, in no zone.
LOCAL_TIME_PATTERN = "([01][0-9]|2[0-3]):[0-5][0-9]"


class Clock(Protocol):
    """Tells and waits for UTC instants."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that no setting of a clock moves: for durations, never for instants."""
        ...

    def wait(self, wake: threading.Event, until: datetime) -> None:
        """Return at `until`, or earlier if `wake` is set. Never raises for a past `until`."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place where real time enters

    def monotonic(self) -> float:
        return monotonic()

    def wait(self, wake: threading.Event, until: datetime) -> None:
        wake.wait(max(0.0, (until - self.now()).total_seconds()))


class VirtualClock:
    """A clock that moves only when told to, or when somebody waits for it.

    Waiting jumps straight to the awaited instant: a week passes in the time its work takes.
    """

    def __init__(self, start: datetime) -> None:
        self._now = self._start = as_utc(start)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def advance_to(self, instant: datetime) -> None:
        """Move forward to `instant`; a past instant leaves the clock where it is."""
        self._now = max(self._now, as_utc(instant))

    def advance(self, by: timedelta) -> None:
        self.advance_to(self._now + by)

    def wait(self, wake: threading.Event, until: datetime) -> None:
        if not wake.is_set():
            self.advance_to(until)


def as_utc(instant: datetime) -> datetime:
    """Return `instant` in UTC.

    Raises:
        InvalidInput: if `instant` carries no zone; guessing one would move sends by hours.
    """
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise InvalidInput(
            f"{instant.isoformat()} has no zone",
            code="time_invalid",
            expected="a timestamp with a zone, such as 2026-10-01T09:00:00+02:00",
        )
    return instant.astimezone(UTC)


def parse_instant(value: object, *, field: str | None = None) -> datetime:
    """Read a timestamp as `parse_any_instant` does, and refuse one that nothing can be dated with.

    Raises:
        InvalidInput: `time_invalid`, also for what lies outside `EARLIEST_AT` to `LATEST_AT`.
    """
    instant = parse_any_instant(value, field=field)
    if not EARLIEST_AT <= instant < LATEST_AT:
        raise InvalidInput(
            f"{quoted(value)} lies outside the years that anything may be dated with",
            code="time_invalid",
            field=field,
            expected=f"the years {EARLIEST_AT.year} to {LATEST_AT.year - 1}",
        )
    return instant


def parse_any_instant(value: object, *, field: str | None = None) -> datetime:
    """Read a timestamp with its offset into UTC; digits beyond microseconds are cut off.

    `field` is what an error calls the place of `value`.

    >>> parse_any_instant("2026-10-25T02:30:00+01:00").isoformat()
    '2026-10-25T01:30:00+00:00'
    >>> parse_any_instant("2026-10-25 01:30 UTC").isoformat()
    '2026-10-25T01:30:00+00:00'

    Raises:
        InvalidInput: `time_invalid`, also for numbers: nobody can tell seconds from milliseconds.
    """
    if isinstance(value, str) and (parts := _INSTANT.fullmatch(value)):
        zone = "+00:00" if parts["zone"].upper() in {"Z", "UTC"} else parts["zone"]
        try:
            return as_utc(datetime.fromisoformat(f"{parts['date']}T{parts['time']}{zone}"))
        except (ValueError, OverflowError) as error:
            raise _time_invalid(value, field) from error
    raise _time_invalid(value, field)


def _time_invalid(value: object, field: str | None) -> InvalidInput:
    return InvalidInput(
        f"{quoted(value)} is no instant with a zone",
        code="time_invalid",
        field=field,
        expected="a timestamp with a zone, such as 2026-10-01T09:00:00+02:00",
    )


def parse_local_time(value: object) -> time_of_day:
    """Read a time on a clock face, "HH:MM".

    Raises:
        InvalidInput: `time_invalid`.
    """
    if not isinstance(value, str) or not re.fullmatch(LOCAL_TIME_PATTERN, value):
        raise InvalidInput(
            f"{quoted(value)} is no local time",
            code="time_invalid",
            expected='"HH:MM", such as "22:00"',
        )
    return time_of_day.fromisoformat(value)


def parse_local_date(value: object) -> date:
    """Read a date on a calendar, "YYYY-MM-DD".

    Raises:
        InvalidInput: `time_invalid`.
    """
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        with suppress(ValueError):  # 2026-02-30
            return date.fromisoformat(value)
    raise InvalidInput(
        f"{quoted(value)} is no date",
        code="time_invalid",
        expected='"YYYY-MM-DD", such as "2026-12-25"',
    )


def parse_duration(value: object, *, field: str | None = None) -> timedelta:
    """Read a duration such as `30m`; a day is 24 hours. `field` is what an error calls its place.

    >>> parse_duration("90s")
    datetime.timedelta(seconds=90)

    Raises:
        InvalidInput: `duration_invalid`, for anything but a whole positive number followed by s,
            m, h or d, and beyond a year.
    """
    duration = timedelta(0)
    if isinstance(value, str) and re.fullmatch(DURATION_PATTERN, value):
        duration = int(value[:-1]) * _UNITS[value[-1]]
    if not timedelta(0) < duration <= _LONGEST:
        raise InvalidInput(
            f"{quoted(value)} is no duration",
            code="duration_invalid",
            field=field,
            expected=f"a whole number with s, m, h or d, such as 30m, at most {_LONGEST.days}d",
        )
    return duration


def duration_text(duration: timedelta) -> str:
    """Write a duration of whole seconds in the largest unit that needs no fraction.

    >>> duration_text(timedelta(hours=36)), duration_text(timedelta(days=7))
    ('36h', '7d')
    """
    letter, unit = next((letter, unit) for letter, unit in _UNITS.items() if not duration % unit)
    return f"{duration // unit}{letter}"


def too_far_ahead(instant: datetime, *, now: datetime, field: str) -> InvalidInput | None:
    """Return what is wrong with a time that somebody reports; None = it can have been.

    It may lie ahead of ours by `CLOCK_TOLERANCE`.
    """
    if instant <= now + CLOCK_TOLERANCE:
        return None
    return InvalidInput(
        f"{instant.isoformat()} lies in the future",
        code="time_in_future",
        field=field,
        expected=f"at most {CLOCK_TOLERANCE} ahead of {now.isoformat()}",
    )


def zone_of(name: str) -> tzinfo:
    """Return the zone called `name`, by the packaged database.

    Raises:
        InvalidInput: `zone_invalid`; "CST" is four zones at once and never guessed.
    """
    if name not in zone_names():
        raise InvalidInput(
            f"{quoted(name)} is no time zone",
            code="zone_invalid",
            field="timezone",
            expected="an IANA name such as Europe/Berlin",
            hint=_zone_meant_by(name),
        )
    return _packaged_zone(name)


@lru_cache(1_000)  # an import repeats what it gets wrong
def _zone_meant_by(name: str) -> str | None:
    near = nearest(name, sorted(zone_names()), alike=0.75)
    return None if near is None else f"did you mean {near}?"


@cache
def zone_at(offset_minutes: int) -> tzinfo:
    """Return the zone whose clocks always stand so many minutes east of UTC; whole hours.

    >>> str(zone_at(9 * 60))  # the names of "Etc" count westwards
    'Etc/GMT-9'
    """
    return zone_of(f"Etc/GMT{-offset_minutes // 60:+d}")


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones, but for "Factory", which says that nobody set one."""
    packaged = (files(tzdata) / "zones").read_text("utf-8").split()
    return frozenset(packaged) - {"Factory"}


def zone_database() -> str:
    """Return the release of the IANA time zone database that every zone is taken from: "2026f"."""
    return str(tzdata.IANA_VERSION)


@cache
def _packaged_zone(name: str) -> tzinfo:
    """Read a zone from the package `tzdata`.

    `ZoneInfo(name)` would rather take the machine's own file, which may be years older: two
    machines of one fleet would wake people by different clocks.
    """
    with (files(tzdata) / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def cpu_seconds() -> float:
    """Seconds that this process has computed for: what work costs, however busy the machine is."""
    return time.process_time()


def monotonic() -> float:
    """Seconds on a clock that never runs backwards: for durations, never for instants."""
    return time.monotonic()  # noqa: TID251 - the one place where real time enters
