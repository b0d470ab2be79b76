"""Local clocks of many users at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from lattice.arrays import DAY, HOUR, Numbers, Vector

_STEP = 900.0  # seconds; no zone changes its clock within a quarter of an hour
_MARGIN = timedelta(days=3)
_MONDAY = 3  # 1970-01-01 was a Thursday


class Clocks:
    """UTC offsets of some zones from three days before `begin` to `until`."""

    def __init__(self, zones: tuple[str, ...], begin: datetime, until: datetime) -> None:
        self.zones = zones
        first = begin - _MARGIN
        self._first = first.timestamp()
        steps = int((until - first).total_seconds() / _STEP) + 1
        instants = [first + timedelta(seconds=_STEP * step) for step in range(steps)]
        self._offset = np.array(
            [[_offset(ZoneInfo(zone), at) for at in instants] for zone in zones]
        )

    def local(self, zone: Numbers, at: Vector) -> Vector:
        """Return what the clocks of `zone` show at the instants `at`."""
        return at + self._offset_at(zone, at)

    def instant(self, zone: Numbers, local: Vector) -> Vector:
        """Return when the clocks of `zone` show `local`.

        Of an hour that comes twice this is one of both; an hour that is left out gives an instant
        within an hour of it.
        """
        guess = local - self._offset_at(zone, local)
        return local - self._offset_at(zone, guess)

    def _offset_at(self, zone: Numbers, at: Vector) -> Vector:
        step = ((at - self._first) // _STEP).astype(np.int64)
        offset: Vector = self._offset[zone, np.clip(step, 0, self._offset.shape[1] - 1)]
        return offset


def _offset(zone: ZoneInfo, at: datetime) -> float:
    offset = at.astimezone(UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return offset.total_seconds()


def hour_of(local: Vector) -> Vector:
    """Return the hour of the day, 0 to below 24, with its fraction."""
    return (local % DAY) / HOUR


def date_of(local: Vector) -> Numbers:
    """Return the date as days since 1970-01-01."""
    return (local // DAY).astype(np.int64)


def weekend(date: Numbers) -> Numbers:
    """Return 1 on Saturdays and Sundays, else 0."""
    return ((date + _MONDAY) % 7 >= 5).astype(np.int64)


def week_of(date: Numbers) -> Numbers:
    """Return the number of the week; weeks begin on Mondays."""
    return (date + _MONDAY) // 7
