"""A tenant's events in the order of users and time, fetched once a reader."""

from __future__ import annotations

from dataclasses import dataclass
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
    clocks: Clocks  # of `zones`, over `span_us`
    span_us: tuple[int, int] = (0, 0)  # of the first and the last event

    def numbers(self, user_id: pa.Array) -> NDArray[np.int32]:
        """Return the number of each user, -1 for users without any event."""
        return user_numbers(self.users, user_id)

    def zones_before(
        self, user: NDArray[np.int32], before_us: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        """Return the zone that was known of each user just before an instant."""
        from sendopt.features import passes  # noqa: PLC0415 - numba costs every command 0.3 s

        last = np.empty(len(user), np.int64)
        passes.last_before(self.first, self.key, user, before_us, last)
        known = np.zeros(len(user), np.int16)
        known[last >= 0] = self.zone[last[last >= 0]]
        return known

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
    found = events["user_id"].dictionary_encode().unify_dictionaries()
    # Users come in the order of their first event; they leave in the order of their names.
    ids = found.chunk(0).dictionary
    codes = [np.asarray(chunk.indices) for chunk in found.chunks]
    ordered = np.asarray(pc.sort_indices(ids))
    counts = np.zeros(len(ids), np.int64)
    for user in codes:
        counts += np.bincount(user, minlength=len(ids))
    first = np.concatenate([[0], np.cumsum(counts[ordered])])
    cursor = np.empty(len(ids), np.int64)
    cursor[ordered] = first[:-1]
    key, zone = np.empty(len(events), np.int64), np.empty(len(events), np.int16)
    for user, keys, its_zones in zip(
        codes, events["key"].chunks, events["zone"].chunks, strict=True
    ):
        passes.scatter(user, np.asarray(keys), np.asarray(its_zones), cursor, key, zone)
    passes.settle(first, key, zone)
    span_us = (int(key[first[:-1]].min()) >> 4, int(key[first[1:] - 1].max()) >> 4)
    clocks = zone_clocks(reader, zones, begin_us=span_us[0], end_us=span_us[1])
    return History(ids.take(pa.array(ordered)), first, key, zone, zones, clocks, span_us)


def _numbered(name: str, values: pa.Array, dtype: DTypeLike, *, begin: int = 0) -> pa.Table:
    number: NDArray[Any] = np.arange(begin, begin + len(values)).astype(dtype)
    return pa.table({name: values, "number": number})
