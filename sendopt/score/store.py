"""Every user's week of scores in one file, mapped into memory and read without copying.

    magic      8 bytes
    format     uint32, then the length of the header, uint32
    header     JSON: whose scores they are, of which model, of when; and every zone by number
    starts     uint64 a user and one more: where its id starts among the ids, and the last ends
    zones      uint16 a user: the number of its zone
    ids        the user ids in UTF-8, in ascending order of their bytes, without gaps
    weeks      168 words a user
    checksum   SHA-256 of everything before it

Sections begin at multiples of 8 bytes; numbers are little-endian. A week's words are uint32, the
best hour first, and of equal ones the earlier: the upper 24 bits tell how far the logit lies below
the highest there is, in steps of 1.6e-6, the lower 8 bits the hour of the week. So sorting the
words sorted the hours, and a logit is off by no more than `LARGEST_ERROR`.

A file is written beside its place and moved there when it is whole and on disk: readers see the
old one or the new one. What is damaged, cut short or somebody else's is refused, never read.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import struct
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.errors import InvalidInput, StoreFailure
from sendopt.learn.model.scorer import SLOTS_A_WEEK
from sendopt.records import TenantId, UserId
from sendopt.score.weeks import SUREST_LOGIT, Weeks

FORMAT = 1
#: Of a stored logit: half a step of the words, and what float32 leaves out near ±14.
LARGEST_ERROR = 2e-6

_MAGIC = b"sendopt\x1a"
_PREFIX = struct.Struct("<8sII")
_CHECKSUM = hashlib.sha256().digest_size
_STEPS = 2**24 - 1
_STEP = 2.0 * SUREST_LOGIT / _STEPS
_FENCE = 64  # users between two ids that are kept at hand
_READ_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class About:
    """Whose scores a store holds, of which model, and of when."""

    tenant_id: TenantId
    model_version: str
    log_snapshot: int
    as_of: datetime  # only what happened before it was known to the scores
    created_at: datetime


def slot_of(word: int) -> int:
    """Return the hour of the week of a word; 0 is Monday 0:00."""
    return word & 0xFF


def probability_of(word: int) -> float:
    """Return the probability of a word.

    >>> slot, half = 7, _STEPS // 2 + 1
    >>> round(probability_of(half << 8 | slot), 6)
    0.5
    """
    return 1.0 / (1.0 + math.exp((word >> 8) * _STEP - SUREST_LOGIT))


def write_store(
    path: Path, about: About, user_ids: pa.Array, zones: pa.Array, weeks: Iterable[Weeks]
) -> None:
    """Write the store of `user_ids` to `path`, in memory that does not grow with the weeks.

    Args:
        path: where it goes; a store that is there is replaced as soon as the new one is on disk.
        about: what the header says.
        user_ids: in ascending order of their UTF-8 bytes, none twice.
        zones: the IANA zone of every user.
        weeks: of the same users in the same order.

    Raises:
        InvalidInput: `unsorted`, or if `weeks` are not those of `user_ids`.
    """
    ids = pa.concat_arrays([user_ids.cast(pa.large_string())])
    if not pc.all(pc.less(ids[:-1], ids[1:])).as_py() and len(ids) > 1:
        raise InvalidInput("user ids do not ascend", code="unsorted", field="user_id")
    numbered = pc.dictionary_encode(zones)
    header = {
        "tenant_id": about.tenant_id,
        "model_version": about.model_version,
        "log_snapshot": about.log_snapshot,
        "as_of": about.as_of.isoformat(),
        "created_at": about.created_at.isoformat(),
        "users": len(ids),
        "bytes_of_ids": _text(ids).nbytes,
        "zones": numbered.dictionary.to_pylist(),
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            out = _Sections(file)
            text = json.dumps(header).encode()
            out.write(_PREFIX.pack(_MAGIC, FORMAT, len(text)) + text)
            out.write(_starts(ids).astype("<u8"))
            out.write(numbered.indices.to_numpy().astype("<u2"))
            out.write(_text(ids))
            _write_weeks(out, ids, weeks)
            file.write(out.digest())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class ScoreStore:
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
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # mmap calls an empty file a wrong value
            raise _unreadable(path, "cannot be mapped") from error
        whole = memoryview(self._map)
        if len(whole) < _PREFIX.size + _CHECKSUM or whole[:8] != _MAGIC:
            raise _unreadable(path, "is no score store")
        _, version, length = _PREFIX.unpack_from(whole)
        if version != FORMAT:
            raise _unreadable(path, f"has format {version}, this release reads {FORMAT}")
        if _digest(whole[:-_CHECKSUM]) != whole[-_CHECKSUM:]:
            raise _unreadable(path, "was changed or cut short since it was written")
        header = json.loads(bytes(whole[_PREFIX.size : _PREFIX.size + length]))
        self.about = About(
            tenant_id=TenantId(header["tenant_id"]),
            model_version=header["model_version"],
            log_snapshot=header["log_snapshot"],
            as_of=datetime.fromisoformat(header["as_of"]),
            created_at=datetime.fromisoformat(header["created_at"]),
        )
        if (self.about.tenant_id, self.about.model_version) != (tenant_id, model_version):
            raise _unreadable(path, "holds another tenant's or another model's scores")
        self._count: int = header["users"]
        self._zones: list[str] = header["zones"]
        starts = _aligned(_PREFIX.size + length)
        zones = starts + 8 * (self._count + 1)
        self._ids = _aligned(zones + 2 * self._count)
        weeks = _aligned(self._ids + header["bytes_of_ids"])
        self._starts = whole[starts:zones].cast("Q")
        self._zone_of = whole[zones : zones + 2 * self._count].cast("H")
        self._words = whole[weeks:-_CHECKSUM].cast("I")
        self._fence = [self._id(row) for row in range(0, self._count, _FENCE)]
        self.as_of_text = f"{self.about.as_of:%Y-%m-%dT%H:%M:%SZ}"

    def __len__(self) -> int:
        return self._count

    def find(self, user_id: UserId) -> int | None:
        """Return the user's row; None if the store does not hold the user."""
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

    def best(self, row: int, top: int) -> list[int]:
        """Return the words of the `top` best hours of a row, best first."""
        first = row * SLOTS_A_WEEK
        return self._words[first : first + top].tolist()

    def _id(self, row: int) -> bytes:
        starts = self._starts
        return self._map[self._ids + starts[row] : self._ids + starts[row + 1]]


class _Sections:
    """Writes sections and digests them on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, section: Any) -> None:
        self.append(section)
        self.append(bytes(_aligned(self._size) - self._size))

    def append(self, part: Any) -> None:
        view = memoryview(part).cast("B") if len(part) else memoryview(b"")
        self._file.write(view)
        self._digest.update(view)
        self._size += len(view)

    def digest(self) -> bytes:
        return self._digest.digest()


def _write_weeks(out: _Sections, ids: pa.Array, weeks: Iterable[Weeks]) -> None:
    written = 0
    for some in weeks:
        if not ids[written : written + len(some.user_id)].equals(
            some.user_id.cast(pa.large_string())
        ):
            break
        out.append(_words(some.logit))
        written += len(some.user_id)
    if written != len(ids):
        raise InvalidInput("the weeks are not those of the users", code="unsorted", field="weeks")


def _words(logit: NDArray[np.float32]) -> NDArray[np.uint32]:
    below = np.rint((SUREST_LOGIT - logit.astype(np.float64)) / _STEP)
    words = np.clip(below, 0, _STEPS).astype("<u4") << np.uint32(8)
    words |= np.arange(SLOTS_A_WEEK, dtype="<u4")
    words.sort(axis=1)
    return words


def _starts(ids: pa.Array) -> NDArray[np.int64]:
    return (
        np.frombuffer(ids.buffers()[1], np.int64)[: len(ids) + 1] if len(ids) else np.zeros(1, int)
    )


def _text(ids: pa.Array) -> NDArray[np.uint8]:
    size = int(_starts(ids)[-1])
    return np.frombuffer(ids.buffers()[2], np.uint8)[:size] if size else np.zeros(0, np.uint8)


def _digest(view: memoryview) -> bytes:
    digest = hashlib.sha256()
    for first in range(0, len(view), _READ_AT_ONCE):
        digest.update(view[first : first + _READ_AT_ONCE])
    return digest.digest()


def _aligned(size: int) -> int:
    return -(-size // 8) * 8


def _unreadable(path: Path, why: str) -> StoreFailure:
    return StoreFailure(
        f"{path.name} {why}",
        statement="score_store",
        code="scores_unreadable",
        hint="run `sendopt score` to write it anew",
    )
