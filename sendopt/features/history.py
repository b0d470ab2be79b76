"""A tenant's events in the order of users and time, fetched once a reader."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import DTypeLike, NDArray

from sendopt.features.catalog import statement
from sendopt.features.zones import UTC_ONLY, Clocks, zone_clocks
from sendopt.log import Reader
from sendopt.records import EventType

_KINDS = tuple(EventType)
AT_ONCE = 2  # shares of the users that are worked on at the same time


@dataclass(frozen=True, eq=False)
class History:
    """What happened to every user, ten bytes an event.

    The events of user u are those at first[u] <= i < first[u + 1], oldest first, and by kind where
    instants are equal. All events of one instant share its zone: the one that is last by name of
    those they give, else the last one known before, else UTC.
    """

    users: pa.Array  # ids in order; a user's number is the position
    first: NDArray[np.int64]
    key: NDArray[np.int64]  # microseconds since 1970, times 16, plus the kind
    zone: NDArray[np.int16]  # into `zones`; 0 = UTC, where none is known
    zones: tuple[str, ...]
    clocks: Clocks  # of `zones`, from the first event to the last

    def numbers(self, user_id: pa.Array) -> NDArray[np.int32]:
        """Return the number of each user, -1 for users without any event."""
        return user_numbers(self.users, user_id)

    def zones_before(
        self, user: NDArray[np.int32], before_us: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        """Return the zone that was known of each user just before an instant."""
        last = self._last_before(user, before_us)
        known = np.zeros(len(user), np.int16)
        known[last >= 0] = self.zone[last[last >= 0]]
        return known

    def known_before(
        self, user: NDArray[np.int32], before_us: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return of whom there was any event before an instant."""
        return self._last_before(user, before_us) >= 0

    def _last_before(
        self, user: NDArray[np.int32], before_us: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        from sendopt.features import passes  # noqa: PLC0415 - numba costs every command 0.3 s

        last = np.empty(len(user), np.int64)
        passes.last_before(self.first, self.key, user, before_us, last)
        return last

    def known_user(self) -> pa.Table:
        """The input `known_user` of the queries."""
        return _numbered("user_id", self.users, np.int32)


def kind(event_type: EventType) -> int:
    """Return what stands for `event_type` in `History.key`."""
    return _KINDS.index(event_type)


def kinds(*event_types: EventType) -> NDArray[np.int64]:
    """Return what stands for each of `event_types` in `History.key`."""
    return np.array([kind(each) for each in event_types])


def user_numbers(users: pa.Array, user_id: pa.Array) -> NDArray[np.int32]:
    """Return where each of `user_id` stands in `users`, -1 for those that do not."""
    places = pc.index_in(user_id.cast(pa.string()), value_set=users)
    return np.asarray(places.fill_null(-1), np.int32)


def in_order(user: NDArray[np.int32], as_of_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of viewpoints in the order in which a pass comes by them."""
    later = user[1:] > user[:-1]
    later |= (user[1:] == user[:-1]) & (as_of_us[1:] >= as_of_us[:-1])
    return np.arange(len(user)) if later.all() else np.lexsort((as_of_us, user))


def history(reader: Reader) -> History:
    """Return everything that `reader` sees, in order.

    It is kept for as long as the reader lives: a reader is frozen at its snapshot, so what it
    says once it says always.
    """
    found = _of_readers.get(reader)
    if found is None:
        found = _of_readers[reader] = _fetch(reader)
    return found


_of_readers: WeakKeyDictionary[Reader, History] = WeakKeyDictionary()


def _fetch(reader: Reader) -> History:
    from sendopt.features import passes  # noqa: PLC0415 - numba costs every command 0.3 s

    named = reader.query("history_zones", statement("history_zones"))["timezone"].to_pylist()
    zones = ("UTC", *named)
    events = reader.query(
        "history",
        statement("history"),
        inputs={
            "kind": _numbered("event_type", pa.array(_KINDS), np.int64),
            "zone": _numbered("timezone", pa.array(named, pa.string()), np.int16, begin=1),
        },
    )
    if len(events) == 0:
        nothing = np.zeros(0, np.int64)
        key, zone = nothing, nothing.astype(np.int16)
        return History(pa.array([], pa.string()), np.zeros(1, np.int64), key, zone, zones, UTC_ONLY)
    batches = events.to_batches()
    size = -(-len(batches) // AT_ONCE)
    shares = [batches[at : at + size] for at in range(0, len(batches), size)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        encoded = list(pool.map(_encode, shares))
        users = _sorted([share.chunk(0).dictionary for share in encoded])
        counted = list(pool.map(partial(_count, users), encoded))
        first = np.concatenate([[0], np.cumsum(sum(counts for _, counts in counted))])
        key, zone = np.empty(first[-1], np.int64), np.empty(first[-1], np.int16)
        begin, put = first[:-1], []
        for batches_here, codes, (number, counts) in zip(shares, encoded, counted, strict=True):
            put.append(pool.submit(_scatter, batches_here, codes, begin[number], key, zone))
            begin = begin + counts
        for done in put:
            done.result()
        ends = np.linspace(0, len(users), AT_ONCE + 1).astype(int)
        parts = [first[low : high + 1] for low, high in pairwise(ends)]
        list(pool.map(lambda part: passes.settle(part, key, zone), parts))
    begin_us, end_us = int(key[first[:-1]].min()) >> 4, int(key[first[1:] - 1].max()) >> 4
    clocks = zone_clocks(reader, zones, begin_us=begin_us, end_us=end_us)
    return History(users, first, key, zone, zones, clocks)


def _encode(batches: Sequence[pa.RecordBatch]) -> pa.ChunkedArray:
    """Number the users of some batches in the order in which they come."""
    return pa.chunked_array([batch["user_id"] for batch in batches]).dictionary_encode()


def _sorted(ids: Sequence[pa.Array]) -> pa.Array:
    users = pc.unique(pa.concat_arrays(ids))
    return users.take(pc.sort_indices(users))


def _count(
    users: pa.Array, encoded: pa.ChunkedArray
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the number of each user that was encoded, and how many events each number has."""
    ids = encoded.chunk(0).dictionary
    number = user_numbers(users, ids)
    counts = np.zeros(len(users), np.int64)
    for chunk in encoded.chunks:
        counts[number] += np.bincount(np.asarray(chunk.indices), minlength=len(ids))
    return number, counts


def _scatter(
    batches: Sequence[pa.RecordBatch],
    encoded: pa.ChunkedArray,
    cursor: NDArray[np.int64],
    key: NDArray[np.int64],
    zone: NDArray[np.int16],
) -> None:
    from sendopt.features import passes  # noqa: PLC0415 - numba costs every command 0.3 s

    for batch, user in zip(batches, encoded.chunks, strict=True):
        columns = (np.asarray(batch["key"]), np.asarray(batch["zone"]))
        passes.scatter(np.asarray(user.indices), *columns, cursor, key, zone)


def _numbered(name: str, values: pa.Array, dtype: DTypeLike, *, begin: int = 0) -> pa.Table:
    number: NDArray[Any] = np.arange(begin, begin + len(values)).astype(dtype)
    return pa.table({name: values, "number": number})
