"""What the clocks of each zone showed, exactly, also on the days on which they were changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.queries import statement
from sendopt.log import Reader

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
DAY_US = 86_400 * _SECOND_US
_GRID_S = 6 * 86_400  # as in `zone_changes`
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


def zone_offsets(
    reader: Reader, zones: Sequence[str], *, begin_us: int, end_us: int
) -> ZoneOffsets:
    """Return the clocks of `zones` over [begin_us, end_us], as far as it lies in 1970 to 2099."""
    begin_s = min(max(begin_us // _SECOND_US, 0), _UNTIL_S) // _GRID_S * _GRID_S
    until_s = min(max(end_us // _SECOND_US, begin_s), _UNTIL_S) + 1
    changes = reader.query(
        "zone_changes",
        statement("zone_changes"),
        {"from_s": begin_s, "until_s": until_s},
        inputs={
            "zone": pa.table({"timezone": list(zones), "number": np.arange(len(zones))}),
        },
    )
    number = changes["number"].to_numpy()
    return ZoneOffsets(
        first=np.searchsorted(number, np.arange(len(zones) + 1)),
        from_us=changes["from_us"].to_numpy(),
        offset_us=changes["offset_us"].to_numpy(),
    )
