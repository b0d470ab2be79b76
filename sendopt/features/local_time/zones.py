"""What the clocks of each zone showed, exactly, also on the days on which they were changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.clock import zone_of
from sendopt.clock_changes import clock_settings
from sendopt.features.queries import statement
from sendopt.features.target import microseconds
from sendopt.log import Reader

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
DAY_US = 86_400 * _SECOND_US
_MICROSECOND = timedelta(microseconds=1)
_ALWAYS = np.iinfo(np.int64)
_UNTIL_S = 4_102_444_800  # 2100: beyond, nobody knows the rules


@dataclass(frozen=True, eq=False)
class ZoneOffsets:
    """The clocks of zones 0, 1, ... over some time; outside of it, as at its ends.

    The clocks of zone z are those at first[z] <= i < first[z + 1], in order of time.
    """

    first: NDArray[np.int64]
    from_us: NDArray[np.int64]  # the instant from which on they show
    offset_us: NDArray[np.int64]  # so much more than UTC

    def local_us(self, zone: NDArray[np.int16], at_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what the clocks of each zone show at each instant, as microseconds since 1970."""
        from sendopt.features.local_time import kernels  # noqa: PLC0415 - numba costs every command 0.3 s

        shown = np.empty(len(at_us), np.int64)
        kernels.local_times(self.first, self.from_us, self.offset_us, zone, at_us, shown)
        return shown

    def day_begins_us(self, zone: NDArray[np.int16], day: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return an instant at which no clock of each zone shows `day` (since 1970) as begun.

        It is local midnight. Where clocks are put forward over midnight it is up to an hour before
        the day's first instant. The same day of a zone always begins at the same instant.
        """
        midnight_us = day * DAY_US
        begins_us = midnight_us.copy()
        for _ in range(2):  # the offset of a guess, then that of the instant it comes to
            begins_us += midnight_us - self.local_us(zone, begins_us)
        begins_us -= np.maximum(self.local_us(zone, begins_us) - midnight_us, 0)
        return begins_us


def day_of_week(local_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0 on Mondays to 6 on Sundays."""
    return (local_us // DAY_US + 3) % 7  # 1970 began on a Thursday


def minute_of_day(local_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0..1439."""
    return local_us % DAY_US // _MINUTE_US


def half_hour_cells(
    local_us: NDArray[np.int64], is_weekend: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the half hour of the day, 0..47, and 48 more at weekends."""
    return (is_weekend * 48 + minute_of_day(local_us) // 30).astype(np.uint8)


UTC_ONLY = ZoneOffsets(np.array([0, 1]), np.zeros(1, np.int64), np.zeros(1, np.int64))


def zone_offsets(zones: Sequence[str], *, begin_us: int, end_us: int) -> ZoneOffsets:
    """Return the clocks of `zones` over [begin_us, end_us], as far as it lies in 1970 to 2099."""
    begin_s = min(max(begin_us // _SECOND_US, 0), _UNTIL_S)
    until_s = min(max(end_us // _SECOND_US, begin_s), _UNTIL_S) + 1
    begin, end = (datetime.fromtimestamp(at_s, UTC) for at_s in (begin_s, until_s))
    settings = [clock_settings(zone_of(zone), begin, end) for zone in zones]
    every = [setting for of_zone in settings for setting in of_zone]
    return ZoneOffsets(
        first=np.cumsum([0, *map(len, settings)]),
        from_us=np.array([microseconds(setting.from_at) for setting in every], np.int64),
        offset_us=np.array([setting.offset // _MICROSECOND for setting in every], np.int64),
    )


def zone_clocks(reader: Reader, *zones: str) -> pa.Table:
    """Return the clocks of all zones that `reader` sees named, and of `zones`, to join events with.

    SQL that asks for local times is given it as an input. DuckDB could tell what clocks show as
    well: by a database of its own, which is another one, and row by row, which takes twenty times
    as long.

    Returns:
        timezone; offset_us, by which its clocks are ahead of UTC in [from_us, until_us). At the
        ends it holds for ever: every instant is in exactly one row of each zone.
    """
    named = reader.query("named_zones", statement("named_zones"))
    every = sorted({*zones, *named["timezone"].to_pylist()})
    offsets = zone_offsets(
        every,
        begin_us=pc.min(named["first_us"]).as_py() or 0,
        end_us=pc.max(named["last_us"]).as_py() or 0,
    )
    from_us, until_us = offsets.from_us.copy(), np.roll(offsets.from_us, -1)
    from_us[offsets.first[:-1]], until_us[offsets.first[1:] - 1] = _ALWAYS.min, _ALWAYS.max
    return pa.table(
        {
            "timezone": np.repeat(every, np.diff(offsets.first)),
            "from_us": from_us,
            "until_us": until_us,
            "offset_us": offsets.offset_us,
        }
    )
