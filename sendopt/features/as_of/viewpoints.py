"""Users seen as of an instant, and the moments that are asked about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features.local_time.weekends import is_weekend, weekend_days
from sendopt.features.local_time.zones import DAY_US, day_of_week, minute_of_day, zone_offsets
from sendopt.features.timeline.history import History

INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Viewpoints:
    """Users as of instants, numbered from 0.

    What the asker knows better than the log, from a device perhaps that never had an event, can be
    told along; where it is null or not told, the log's word holds.
    """

    user_id: pa.Array
    as_of: pa.Array  # timestamp[us, UTC]
    timezone: pa.Array | None = None  # IANA names
    platform: pa.Array | None = None

    def __len__(self) -> int:
        return len(self.user_id)

    def slice(self, first: int, count: int) -> Viewpoints:
        """Return up to `count` of them from `first` on."""
        return Viewpoints(
            self.user_id.slice(first, count),
            self.as_of.slice(first, count),
            None if self.timezone is None else self.timezone.slice(first, count),
            None if self.platform is None else self.platform.slice(first, count),
        )

    def take(self, rows: NDArray[np.intp]) -> Viewpoints:
        """Return the rows of them, in that order."""
        index = pa.array(rows)
        return Viewpoints(
            self.user_id.take(index),
            self.as_of.take(index),
            None if self.timezone is None else self.timezone.take(index),
            None if self.platform is None else self.platform.take(index),
        )

    @property
    def as_of_us(self) -> NDArray[np.int64]:
        """`as_of` in microseconds since the epoch."""
        return np.asarray(self.as_of.cast(pa.int64()))

    def table(self) -> pa.Table:
        """The input `viewpoint` of the queries."""
        number = np.arange(len(self), dtype=np.int32)
        return pa.table({"viewpoint": number, "user_id": self.user_id, "as_of": self.as_of})


@dataclass(frozen=True)
class Moments:
    """Times of day of viewpoints, in the user's zone."""

    viewpoint: NDArray[np.intp]  # row of the Viewpoints
    day_of_week: NDArray[np.int64]  # 0 = Monday
    minute_of_day: NDArray[np.int64]  # 0..1439
    day_type: NDArray[np.intp]  # 0 on weekdays, 1 at the weekend of the zone
    message_type: pa.Array | None = None  # of what would be sent; None or null = not said

    def __len__(self) -> int:
        return len(self.viewpoint)

    def chosen(self, chosen: NDArray[np.bool_], *, first: int) -> Moments:
        """Return the chosen moments, for viewpoints that are counted from `first`."""
        return Moments(
            self.viewpoint[chosen] - first,
            self.day_of_week[chosen],
            self.minute_of_day[chosen],
            self.day_type[chosen],
            None if self.message_type is None else self.message_type.filter(pa.array(chosen)),
        )

    @property
    def half_hours(self) -> NDArray[np.float64]:
        """Half hours since local midnight, with fractions."""
        return self.minute_of_day / 30.0


def viewpoints(
    user_id: pa.ChunkedArray | pa.Array,
    as_of: pa.ChunkedArray | pa.Array,
    *,
    timezone: pa.ChunkedArray | pa.Array | None = None,
    platform: pa.ChunkedArray | pa.Array | None = None,
) -> tuple[Viewpoints, NDArray[np.intp]]:
    """Number the distinct rows; also return the number of every row.

    Who is told to be in two zones, or on two platforms, at one instant has two viewpoints.
    """
    users = pc.dictionary_encode(flat(user_id))
    instants = pc.dictionary_encode(flat(as_of).cast(INSTANT))
    named = [
        None if column is None else pc.dictionary_encode(flat(column).cast(pa.string()), "encode")
        for column in (timezone, platform)
    ]
    number, first = _distinct(np.asarray(users.indices, np.int64), instants)
    for column in named:
        if column is not None and len(column.dictionary) > 1:
            number, first = _distinct(number, column)

    def of_each(column: pa.DictionaryArray) -> pa.Array:
        return column.dictionary.take(column.indices.take(pa.array(first)))

    zones, platforms = (None if column is None else of_each(column) for column in named)
    users_as_of = Viewpoints(of_each(users), of_each(instants), timezone=zones, platform=platforms)
    return users_as_of, number.astype(np.intp)


def _distinct(
    number: NDArray[np.int64], column: pa.DictionaryArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the distinct pairs of `number` and `column`; also return the first row of each."""
    pair = number * max(len(column.dictionary), 1) + np.asarray(column.indices, np.int64)
    _, first, number = np.unique(pair, return_index=True, return_inverse=True)
    return number, first


def local_moments(
    past: History,
    viewpoints: Viewpoints,
    viewpoint: NDArray[np.intp],
    at: pa.ChunkedArray | pa.Array,
    *,
    message_type: pa.ChunkedArray | None = None,
) -> Moments:
    """Place the instants `at` in the zones that were known of their users.

    The zone is the last one in the log before as_of; a user of no known zone lives in UTC. One that
    is told along counts instead where hours are local: for users whose zone the log knows, and for
    those of whom it knows nothing, if it knows anybody's. The past of all others is kept in UTC,
    and what is asked must be on the same clock.
    """
    at_us = np.asarray(flat(at).cast(INSTANT).cast(pa.int64()))
    local_us, at_weekend = at_us, np.zeros(0, bool)
    if len(at_us):
        zones, of_viewpoint = zones_of(past, viewpoints)
        zone = of_viewpoint[viewpoint]
        offsets = zone_offsets(zones, begin_us=int(at_us.min()), end_us=int(at_us.max()))
        local_us = offsets.local_us(zone, at_us)
        at_weekend = is_weekend(zones, zone, local_us)
    return Moments(
        viewpoint=viewpoint,
        day_of_week=day_of_week(local_us),
        minute_of_day=minute_of_day(local_us),
        day_type=at_weekend.astype(np.intp),
        message_type=None if message_type is None else flat(message_type).cast(pa.string()),
    )


class LocalDays(NamedTuple):
    """What users' clocks showed at instants, and when those days began."""

    local_us: NDArray[np.int64]  # microseconds since 1970 on the user's clock
    begins_us: NDArray[np.int64]  # an instant before which nothing of that day had happened


def local_days(
    past: History,
    viewpoints: Viewpoints,
    viewpoint: NDArray[np.intp],
    at_us: NDArray[np.int64],
) -> LocalDays:
    """Return the days of instants in the zones that were known of their users; see above."""
    if not len(at_us):
        return LocalDays(at_us, at_us)
    zones, of_viewpoint = zones_of(past, viewpoints)
    zone = of_viewpoint[viewpoint]
    # A day on either side: clocks show as much as 14 hours more or less than UTC.
    offsets = zone_offsets(
        zones, begin_us=int(at_us.min()) - 2 * DAY_US, end_us=int(at_us.max()) + DAY_US
    )
    local_us = offsets.local_us(zone, at_us)
    return LocalDays(local_us, offsets.day_begins_us(zone, local_us // DAY_US))


def day_begins_us(
    past: History,
    viewpoints: Viewpoints,
    viewpoint: NDArray[np.intp],
    day: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return when local days, counted from 1970, begin in the zones that were known of users."""
    if not len(day):
        return day
    zones, of_viewpoint = zones_of(past, viewpoints)
    offsets = zone_offsets(
        zones,
        begin_us=(int(day.min()) - 1) * DAY_US,
        end_us=(int(day.max()) + 2) * DAY_US,
    )
    return offsets.day_begins_us(of_viewpoint[viewpoint], day)


def hours_of_week(past: History, viewpoints: Viewpoints) -> Moments:
    """Return the 168 local hours of a week for each viewpoint, with the weekend of its zone."""
    count = len(viewpoints)
    hour = np.tile(np.arange(168), count)
    return Moments(
        viewpoint=np.repeat(np.arange(count, dtype=np.intp), 168),
        day_of_week=hour // 24,
        minute_of_day=hour % 24 * 60,
        day_type=np.repeat(weekends(past, viewpoints).ravel(), 24).astype(np.intp),
    )


def weekends(past: History, viewpoints: Viewpoints) -> NDArray[np.bool_]:
    """Return which days of the week are weekend for each viewpoint, (rows, 7), Monday first."""
    zones, zone = zones_of(past, viewpoints)
    return weekend_days(zones, zone, viewpoints.as_of_us)


def zones_of(past: History, viewpoints: Viewpoints) -> tuple[tuple[str, ...], NDArray[np.int16]]:
    """Return names of zones, and the number of the one on whose clock each viewpoint's hours are.

    See `local_moments`.
    """
    user = past.numbers(viewpoints.user_id)
    zones, zone = past.zones, past.zones_before(user, viewpoints.as_of_us)
    if viewpoints.timezone is not None and len(zones) > 1:
        named = pc.unique(viewpoints.timezone.drop_null()).to_pylist()
        zones = (*zones, *(name for name in named if name not in zones))
        number = pc.index_in(viewpoints.timezone, pa.array(zones)).fill_null(-1)
        local = (zone > 0) | ~past.known_before(user, viewpoints.as_of_us)
        counts = local & (np.asarray(number) >= 0)
        zone[counts] = np.asarray(number)[counts]
    return zones, zone


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column in one piece."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
