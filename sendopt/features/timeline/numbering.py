"""Numbers for the ids of users, given while their events stream by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features.timeline import arrival

PARTS = 256  # a part of a million users is looked up within a core's own cache
_SLAB = 1 << 22  # events whose place is taken at once
_ROOM = 40_000  # words that may wait in a part: the more, the fewer visits


@dataclass(frozen=True, eq=False)
class Dealt:
    """Some events of one part."""

    user: NDArray[np.int32]  # numbers in the order in which users were first seen
    key: NDArray[np.int64]
    zone: NDArray[np.int16]


class Numbering:
    """Gives every id a number, and deals the events by id.

    Attributes:
        parts: what was dealt so far; all events of one user are in one part.
    """

    def __init__(self) -> None:
        self.parts: list[list[Dealt]] = [[] for _ in range(PARTS)]
        self._waiting = np.empty((PARTS, 0), np.uint64)
        self._fill = np.zeros((PARTS, 2), np.int64)
        self._users = 0
        self._tables = [np.zeros(16, np.uint64) for _ in range(PARTS)]
        self._users_in = np.zeros(PARTS, np.int64)
        self._hashes = np.empty(0, np.uint64)
        self._words = np.empty(0, np.uint64)
        self._id_first = np.zeros(1, np.int64)
        self._lengths = np.empty(0, np.int64)  # in bytes
        self._counts = np.empty(0, np.int64)
        self._slab, self._used = _empty(1 << 12), 0

    def deal(self, events: pa.RecordBatch) -> None:
        """Take in events: user_id, key and zone."""
        offsets, text = text_of(events["user_id"])
        key, zone = np.asarray(events["key"]), np.asarray(events["zone"])
        longest = arrival.RECORD + -(-int(np.diff(offsets).max(initial=0)) // 8)
        self._make_room(max(longest, min(longest * len(key), _ROOM)))
        row = 0
        while row < len(key):
            row, full = arrival.deal(offsets, text, key, zone, row, self._waiting, self._fill)
            if row < len(key):
                self._number(full)

    def finish(self) -> tuple[pa.Array, NDArray[np.int64]]:
        """Return the ids by number, and how many events each has."""
        self._number_all()
        offsets = np.concatenate([[0], np.cumsum(self._lengths[: self._users])])
        text = np.empty(offsets[-1], np.uint8)
        arrival.spell(self._words, self._id_first, offsets, text)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
        ids = pa.Array.from_buffers(pa.large_string(), self._users, buffers)
        return pc.cast(ids, pa.string()), self._counts[: self._users]

    def _make_room(self, words: int) -> None:
        if words > self._waiting.shape[1]:
            self._number_all()
            self._waiting = np.empty((PARTS, words), np.uint64)

    def _number_all(self) -> None:
        for part in np.flatnonzero(self._fill[:, 1]):
            self._number(int(part))

    def _number(self, part: int) -> None:
        words, events = self._fill[part]
        self._grow(self._users + events, self._id_first[self._users] + words)
        numbered = self._place(events)
        row = place = 0
        while row < events:
            users, table = self._users, self._tables[part]
            row, place, self._users = arrival.number(
                self._waiting[part],
                place,
                row,
                users,
                len(table) // 2 - self._users_in[part],
                table,
                self._hashes,
                self._words,
                self._id_first,
                self._lengths,
                self._counts,
                numbered.user,
                numbered.key,
                numbered.zone,
            )
            self._users_in[part] += self._users - users
            if row < events:
                self._tables[part] = np.zeros(4 * len(table), np.uint64)
                arrival.move(table, self._hashes, self._tables[part])
        self.parts[part].append(numbered)
        self._fill[part] = 0

    def _place(self, events: int) -> Dealt:
        """Cut the place of some events from a large one: memory is dear by the piece."""
        if self._used + events > len(self._slab.user):
            size = max(events, min(4 * len(self._slab.user), _SLAB))
            self._slab = _empty(size)
            self._used = 0
        cut = slice(self._used, self._used + events)
        self._used += events
        return Dealt(self._slab.user[cut], self._slab.key[cut], self._slab.zone[cut])

    def _grow(self, users: int, words: int) -> None:
        """Make place for so many users, and the words of their ids."""
        self._hashes = _grown(self._hashes, users)
        self._words = _grown(self._words, words)
        self._id_first = _grown(self._id_first, users + 1)
        self._lengths = _grown(self._lengths, users)
        self._counts = _grown(self._counts, users)


def _empty(events: int) -> Dealt:
    return Dealt(np.empty(events, np.int32), np.empty(events, np.int64), np.empty(events, np.int16))


def _grown(values: NDArray[Any], size: int) -> NDArray[Any]:
    if size <= len(values):
        return values
    grown = np.empty(2 * size, values.dtype)
    grown[: len(values)] = values
    return grown


def text_of(ids: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return the offsets and the bytes of `ids`."""
    _, offsets, text = ids.buffers()
    begin = ids.offset
    return (
        np.frombuffer(offsets or bytes(4), np.int32)[begin : begin + len(ids) + 1],
        np.frombuffer(text or b"", np.uint8),
    )
