"""Users seen as of an instant, and the moments that are asked about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features.catalog import USER_FEATURES
from sendopt.features.history import history, in_order, kinds
from sendopt.features.target import Target
from sendopt.features.zones import day_of_week, minute_of_day, zone_clocks
from sendopt.log import Reader
from sendopt.records import EventType

INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Viewpoints:
    """Distinct (user, as_of) pairs, numbered from 0."""

    user_id: pa.Array
    as_of: pa.Array  # timestamp[us, UTC]

    def __len__(self) -> int:
        return len(self.user_id)

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

    def __len__(self) -> int:
        return len(self.viewpoint)

    @property
    def day_type(self) -> NDArray[np.intp]:
        """0 from Monday to Friday, 1 at weekends."""
        return (self.day_of_week >= 5).astype(np.intp)

    @property
    def half_hours(self) -> NDArray[np.float64]:
        """Half hours since local midnight, with fractions."""
        return self.minute_of_day / 30.0


def viewpoints(
    user_id: pa.ChunkedArray, as_of: pa.ChunkedArray
) -> tuple[Viewpoints, NDArray[np.intp]]:
    """Number the distinct pairs; also return the number of every row's pair."""
    users = pc.dictionary_encode(flat(user_id))
    instants = pc.dictionary_encode(flat(as_of).cast(INSTANT))
    pair = np.asarray(users.indices, np.int64) * max(len(instants.dictionary), 1) + np.asarray(
        instants.indices, np.int64
    )
    distinct, number = np.unique(pair, return_inverse=True)
    rows = np.divmod(distinct, max(len(instants.dictionary), 1))
    return (
        Viewpoints(
            user_id=users.dictionary.take(pa.array(rows[0])),
            as_of=instants.dictionary.take(pa.array(rows[1])),
        ),
        number.astype(np.intp),
    )


def moments(
    reader: Reader, seen: Viewpoints, viewpoint: NDArray[np.intp], at: pa.ChunkedArray
) -> Moments:
    """Place the instants `at` in the zones that were known of their users.

    The zone is the last one known before as_of; a user of no known zone lives in UTC.
    """
    past = history(reader)
    at_us = np.asarray(flat(at).cast(INSTANT).cast(pa.int64()))
    local_us = at_us
    if len(at_us):
        zone = past.zones_before(past.numbers(seen.user_id), seen.as_of_us)[viewpoint]
        clocks = zone_clocks(reader, past.zones, begin_us=int(at_us.min()), end_us=int(at_us.max()))
        local_us = clocks.local_us(zone, at_us)
    return Moments(
        viewpoint=viewpoint,
        day_of_week=day_of_week(local_us),
        minute_of_day=minute_of_day(local_us),
    )


def hours_of_week(count: int) -> Moments:
    """Return the 168 local hours of a week for each of `count` viewpoints."""
    hour = np.tile(np.arange(168), count)
    return Moments(
        viewpoint=np.repeat(np.arange(count, dtype=np.intp), 168),
        day_of_week=hour // 24,
        minute_of_day=hour % 24 * 60,
    )


def recency(reader: Reader, seen: Viewpoints, target: Target) -> NDArray[np.float64]:
    """Return USER_FEATURES of every viewpoint, NaN where something never happened."""
    from sendopt.features import passes  # noqa: PLC0415 - numba costs every command 0.3 s

    past = history(reader)
    user = past.numbers(seen.user_id)
    found = np.empty((len(seen), len(USER_FEATURES)))
    passes.recency(
        past.first,
        past.key,
        kinds(EventType.SEND, target.outcome, EventType.SESSION, EventType.DISMISSAL),
        user,
        seen.as_of_us,
        in_order(user, seen.as_of_us),
        found,
    )
    return found


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
