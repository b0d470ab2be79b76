"""Weeks of scores of many users in one file, mapped into memory and read without copying.

    magic      8 bytes
    format     uint32, then the length of the header, uint32
    header     JSON: whose scores they are, of which model, of when; every zone by number; as of
               when each run scored, by number; what the model knew of everybody; of a delta
               (see `store`) the checksum of its base
    starts     uint64 a user and one more: where its id starts among the ids, and the last ends
    zones      uint16 a user: the number of its zone
    runs       uint8 a user: the number of the run that scored it
    ids        the user ids in UTF-8, in ascending order of their bytes, without gaps
    weeks      168 words a user
    checksum   SHA-256 of everything before it

Sections begin at multiples of 8 bytes; numbers are little-endian. A week's words are uint32, the
best hour first, and of equal ones the earlier: the upper 24 bits tell how far the logit lies below
the highest there is, in steps of 1.6e-6, the lower 8 bits the hour of the week. So sorting the
words sorted the hours, and a logit is off by no more than `LARGEST_ERROR`.

A file is written by `store_writer`, and two of them make a store. What is damaged, cut short or
somebody else's is refused, never read.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.errors import StoreFailure
from sendopt.learn.model.scorer import SLOTS_A_WEEK
from sendopt.records import TenantId, UserId
from sendopt.score.weeks import SUREST_LOGIT

FORMAT = 2
#: Of a stored logit: half a step of the words, and what float32 leaves out near ±14.
LARGEST_ERROR = 2e-6

MAGIC = b"sendopt\x1a"
PREFIX = struct.Struct("<8sII")
_CHECKSUM = hashlib.sha256().digest_size
STEPS = 2**24 - 1
STEP = 2.0 * SUREST_LOGIT / STEPS
_FENCE = 64  # users between two ids that are kept at hand
_READ_AT_ONCE = 1 << 24

#: Tells a file from every other that stood at its path: inode, size, when it was written (ns).
Identity = tuple[int, int, int]


@dataclass(frozen=True)
class About:
    """Whose scores a store holds, of which model, and of when."""

    tenant_id: TenantId
    model_version: str
    log_snapshot: int
    as_of: datetime  # of the last run: whoever had news by then was scored by it
    created_at: datetime
    runs: tuple[datetime, ...] = ()  # as of which users were scored, the first time everybody
    everybody: Mapping[str, Any] | None = None  # what was known of everybody, then, as JSON

    def __post_init__(self) -> None:
        if not self.runs:
            object.__setattr__(self, "runs", (self.as_of,))


def identity_of(path: Path) -> Identity | None:
    """Return which file stands at `path` now; None = there is none."""
    try:
        return _identity(path.stat())
    except FileNotFoundError:
        return None


class StoreFile:
    """One mapped file; for any number of threads.

    Args:
        path: a file that `write_store` wrote.
        tenant_id: whose it has to be.
        model_version: of which model it has to be.

    Raises:
        StoreFailure: `scores_unreadable`, if it cannot be opened, is no such file, belongs to
            somebody else, or is not what was written.
    """

    def __init__(self, path: Path, *, tenant_id: TenantId, model_version: str) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                self.identity = _identity(os.fstat(file.fileno()))
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # mmap calls an empty file a wrong value
            raise unreadable(path, "cannot be mapped") from error
        whole = memoryview(self._map)
        if len(whole) < PREFIX.size + _CHECKSUM or whole[:8] != MAGIC:
            raise unreadable(path, "is no score store")
        _, version, length = PREFIX.unpack_from(whole)
        if version != FORMAT:
            raise unreadable(path, f"has format {version}, this release reads {FORMAT}")
        self.checksum = bytes(whole[-_CHECKSUM:]).hex()
        if _digest(whole[:-_CHECKSUM]) != self.checksum:
            raise unreadable(path, "was changed or cut short since it was written")
        header = json.loads(bytes(whole[PREFIX.size : PREFIX.size + length]))
        self.about = About(
            tenant_id=TenantId(header["tenant_id"]),
            model_version=header["model_version"],
            log_snapshot=header["log_snapshot"],
            as_of=datetime.fromisoformat(header["as_of"]),
            created_at=datetime.fromisoformat(header["created_at"]),
            runs=tuple(datetime.fromisoformat(as_of) for as_of in header["runs"]),
            everybody=header["everybody"],
        )
        if (self.about.tenant_id, self.about.model_version) != (tenant_id, model_version):
            raise unreadable(path, "holds another tenant's or another model's scores")
        self.base: str | None = header.get("base")
        self._count: int = header["users"]
        self._zones: list[str] = header["zones"]
        starts = aligned(PREFIX.size + length)
        zones = starts + 8 * (self._count + 1)
        runs = aligned(zones + 2 * self._count)
        self._ids = aligned(runs + self._count)
        self._run_of = whole[runs : runs + self._count]
        self._text_end = self._ids + header["bytes_of_ids"]
        weeks = aligned(self._text_end)
        self._starts = whole[starts:zones].cast("Q")
        self._zone_of = whole[zones : zones + 2 * self._count].cast("H")
        self._words = whole[weeks:-_CHECKSUM].cast("I")
        self._fence = [self._id(row) for row in range(0, self._count, _FENCE)]
        self._as_of_texts = [f"{as_of:%Y-%m-%dT%H:%M:%SZ}" for as_of in self.about.runs]

    def __len__(self) -> int:
        return self._count

    def require_whole(self) -> None:
        """Refuse a file that was cut short where it stands: to read what is gone ends the process.

        The kernel sends SIGBUS then. Between this look and the reading remain microseconds; a copy
        of all scores in memory would be safe, and is what a mapped file is there to avoid.

        Raises:
            StoreFailure: `scores_unreadable`.
        """
        if self._map.size() != len(self._map):
            raise unreadable(self._path, "was cut short while it was in use")

    def find(self, user_id: UserId) -> int | None:
        """Return the user's row; None if the store does not hold the user.

        Raises:
            StoreFailure: `scores_unreadable`, if it was cut short meanwhile.
        """
        self.require_whole()
        wanted = user_id.encode()
        block = bisect_right(self._fence, wanted) - 1
        if block < 0:
            return None
        rows = range(block * _FENCE, min((block + 1) * _FENCE, self._count))
        row = rows.start + bisect_left(rows, wanted, key=self._id)
        return row if row < self._count and self._id(row) == wanted else None

    def zone(self, row: int) -> str:
        """Return the zone in which the week of a row is told."""
        return self._zones[self._zone_of[row]]

    def as_of_text(self, row: int) -> str:
        """Return as of when the user of a row was scored."""
        return self._as_of_texts[self._run_of[row]]

    @property
    def user_ids(self) -> pa.Array:
        """All user ids, by row."""
        self.require_whole()
        text = pa.py_buffer(self._map[self._ids : self._text_end])
        starts = pa.py_buffer(bytes(self._starts))
        return pa.Array.from_buffers(pa.large_string(), self._count, [None, starts, text])

    @property
    def zones(self) -> pa.Array:
        """The zone in which each week is told, by row."""
        return pa.array(self._zones, pa.string()).take(pa.array(np.asarray(self._zone_of)))

    @property
    def runs(self) -> NDArray[np.uint8]:
        """The number of the run that scored each row."""
        return np.asarray(self._run_of)

    @property
    def words(self) -> NDArray[np.uint32]:
        """All weeks, (rows, SLOTS_A_WEEK), without a copy."""
        self.require_whole()
        return np.asarray(self._words).reshape(self._count, SLOTS_A_WEEK)

    def logits(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the weeks of some rows, (rows, SLOTS_A_WEEK), Monday 0:00 first."""
        words = self.words[rows]
        logits = np.empty(words.shape, np.float32)
        logit = SUREST_LOGIT - (words >> np.uint32(8)) * STEP
        np.put_along_axis(logits, (words & np.uint32(0xFF)).astype(np.intp), logit, axis=1)
        return logits

    def best(self, row: int, top: int) -> list[int]:
        """Return the words of the `top` best hours of a row, best first."""
        first = row * SLOTS_A_WEEK
        return self._words[first : first + top].tolist()

    def _id(self, row: int) -> bytes:
        starts = self._starts
        return self._map[self._ids + starts[row] : self._ids + starts[row + 1]]


def _digest(view: memoryview) -> str:
    digest = hashlib.sha256()
    for first in range(0, len(view), _READ_AT_ONCE):
        digest.update(view[first : first + _READ_AT_ONCE])
    return digest.hexdigest()


def _identity(stat: os.stat_result) -> Identity:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def aligned(size: int) -> int:
    """Return the multiple of 8 at which what follows `size` bytes begins."""
    return -(-size // 8) * 8


def unreadable(path: Path, why: str) -> StoreFailure:
    """Return the refusal of a file that cannot be used."""
    return StoreFailure(
        f"{path.name} {why}",
        statement="score_store",
        code="scores_unreadable",
        hint="run `sendopt score` to write it anew",
    )
