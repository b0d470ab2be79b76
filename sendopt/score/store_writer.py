"""Writes the files of score stores; `store_file` says what is in them and reads them.

A file is written beside its place and moved there when it is whole and on disk: readers see the
old one or the new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.disk import explained
from sendopt.errors import InvalidInput
from sendopt.learn.model.scorer import SLOTS_A_WEEK
from sendopt.records import TenantId
from sendopt.score.replacement import replacement
from sendopt.score.store import ScoreStore, delta_of
from sendopt.score.store_file import FORMAT, MAGIC, PREFIX, STEP, STEPS, About, StoreFile, aligned
from sendopt.score.weeks import SUREST_LOGIT, Weeks

_ROWS_AT_ONCE = 1 << 15  # of weeks that are taken over


@dataclass(frozen=True)
class Kept:
    """Weeks that are taken over as they are, word by word."""

    file: StoreFile
    here: NDArray[np.intp]  # rows of the new file, ascending
    there: NDArray[np.intp]  # the same users' rows in `file`


def write_store(
    path: Path, about: About, user_ids: pa.Array, zones: pa.Array, weeks: Iterable[Weeks]
) -> None:
    """Write the weeks of everybody to `path`.

    Memory holds every user's id and zone and some bytes more, and of `weeks` two parts at a time.

    Args:
        path: where it goes; what is there is replaced as soon as the new file is on disk.
        about: what the header says.
        user_ids: in ascending order of their UTF-8 bytes, none twice.
        zones: the IANA zone of every user.
        weeks: of the same users in the same order.

    Raises:
        InvalidInput: `unsorted`, or if `weeks` are not those of `user_ids`.
        StoreFailure: `disk_full`, `disk_failed`; also where a folder stands in the place of a file.
    """
    _write(path, about, user_ids, zones, weeks)
    with explained("score_store"):
        delta_of(path).unlink(missing_ok=True)  # it is of another base and counts no longer


def write_delta(
    store: ScoreStore,
    about: About,
    user_ids: pa.Array,
    zones: pa.Array,
    weeks: Iterable[Weeks],
    *,
    kept: Kept | None,
) -> None:
    """Write the weeks of all who were scored since the base of `store` was written.

    Memory holds all of `weeks`, at twice 672 bytes a user.

    Args:
        store: whose delta is replaced as soon as the new one is on disk.
        about: what the header says.
        user_ids: as in `write_store`.
        zones: the IANA zone of every user.
        weeks: of the same users in the same order, those that are kept left out.
        kept: what is taken over from the delta before; None = there was none.

    Raises:
        InvalidInput: `unsorted`, or if `weeks` are not those of `user_ids`.
    """
    path, base = delta_of(store.path), store.base.checksum
    _write(path, about, user_ids, zones, weeks, base=base, kept=kept)


def drop_users(path: Path, user_ids: pa.Array) -> int:
    """Write a store anew without some users, and return how many of them it held.

    Everybody else keeps every word. The base comes first: a process that dies in between leaves a
    delta that counts no longer, and whom it held is scored again.

    Args:
        path: where the base stands; a delta beside it that counts no longer is deleted.
        user_ids: who goes.

    Raises:
        StoreFailure: `scores_unreadable`, `disk_full`, `disk_failed`.
    """
    tenant_id, version = TenantId(path.parent.name), path.stem
    store = ScoreStore(path, tenant_id=tenant_id, model_version=version)
    dropped = int(pc.sum(pc.is_in(store.user_ids, _large(user_ids))).as_py() or 0)
    base, of_base = _without(store.base, user_ids)
    checksum = store.base.checksum
    if of_base:
        _write(path, store.base.about, *base[:3], kept=base[3])
        checksum = StoreFile(path, tenant_id=tenant_id, model_version=version).checksum
    if store.delta is None:
        with explained("score_store"):
            delta_of(path).unlink(missing_ok=True)
        return dropped
    delta, of_delta = _without(store.delta, user_ids)
    if of_base or of_delta:
        _write(delta_of(path), store.delta.about, *delta[:3], base=checksum, kept=delta[3])
    return dropped


def _without(
    file: StoreFile, user_ids: pa.Array
) -> tuple[tuple[pa.Array, pa.Array, Iterable[Weeks], Kept], int]:
    """Return what `_write` asks for to write a file without some users, and how many it held."""
    stays = np.flatnonzero(~np.asarray(pc.is_in(file.user_ids, _large(user_ids))))
    rows = pa.array(stays)
    kept = Kept(file, here=np.arange(len(stays)), there=stays)
    return (file.user_ids.take(rows), file.zones.take(rows), (), kept), len(file) - len(stays)


def _large(user_ids: pa.Array) -> pa.Array:
    return user_ids.cast(pa.large_string())


def _write(
    path: Path,
    about: About,
    user_ids: pa.Array,
    zones: pa.Array,
    weeks: Iterable[Weeks],
    *,
    base: str | None = None,
    kept: Kept | None = None,
) -> None:
    ids = pa.concat_arrays([user_ids.cast(pa.large_string())])
    if not pc.all(pc.less(ids[:-1], ids[1:])).as_py() and len(ids) > 1:
        raise InvalidInput("user ids do not ascend", code="unsorted", field="user_id")
    numbered = pc.dictionary_encode(zones)
    runs = np.full(len(ids), len(about.runs) - 1, np.uint8)
    if kept is not None:
        runs[kept.here] = kept.file.runs[kept.there]
    header = {
        "tenant_id": about.tenant_id,
        "model_version": about.model_version,
        "log_snapshot": about.log_snapshot,
        "as_of": about.as_of.isoformat(),
        "created_at": about.created_at.isoformat(),
        "runs": [as_of.isoformat() for as_of in about.runs],
        "everybody": about.everybody,
        "base": base,
        "users": len(ids),
        "bytes_of_ids": _text(ids).nbytes,
        "zones": numbered.dictionary.to_pylist(),
    }
    with replacement(path) as file, ThreadPoolExecutor(1) as digesting:
        out = _Sections(file, digesting)
        text = json.dumps(header).encode()
        out.write(PREFIX.pack(MAGIC, FORMAT, len(text)) + text)
        out.write(_starts(ids).astype("<u8"))
        out.write(numbered.indices.to_numpy().astype("<u2"))
        out.write(runs)
        out.write(_text(ids))
        if kept is None:
            _write_weeks(out, ids, weeks)
        else:
            _write_mixed(out, ids, weeks, kept)
        file.write(out.digest())


class _Sections:
    """Writes sections and digests them meanwhile, in a thread of its own.

    What is handed in may not be changed any more.
    """

    def __init__(self, file: IO[bytes], digesting: Executor) -> None:
        self._file = file
        self._digesting = digesting
        self._digest = hashlib.sha256()
        self._digested: Future[None] | None = None
        self._size = 0

    def write(self, section: Any) -> None:
        self.append(section)
        self.append(bytes(aligned(self._size) - self._size))

    def append(self, part: Any) -> None:
        view = memoryview(part).cast("B") if len(part) else memoryview(b"")
        self._wait()  # so that no more than one part waits in memory
        self._digested = self._digesting.submit(self._digest.update, view)
        self._file.write(view)
        self._size += len(view)

    def digest(self) -> bytes:
        self._wait()
        return self._digest.digest()

    def _wait(self) -> None:
        if self._digested is not None:
            self._digested.result()


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


def _write_mixed(out: _Sections, ids: pa.Array, weeks: Iterable[Weeks], kept: Kept) -> None:
    """Write kept weeks and new ones in the order of `ids`; the new ones are held in memory."""
    of_new = np.ones(len(ids), bool)
    of_new[kept.here] = False
    new = [(some.user_id.cast(pa.large_string()), _words(some.logit)) for some in weeks]
    new_ids = pa.concat_arrays([pa.array([], pa.large_string()), *(each for each, _ in new)])
    if not new_ids.equals(ids.filter(pa.array(of_new))):
        raise InvalidInput("the weeks are not those of the users", code="unsorted", field="weeks")
    fresh = np.concatenate([np.empty((0, SLOTS_A_WEEK), np.uint32), *(words for _, words in new)])
    before = kept.file.words
    new_rows = np.flatnonzero(of_new)
    for first in range(0, len(ids), _ROWS_AT_ONCE):
        last = min(first + _ROWS_AT_ONCE, len(ids))
        words = np.empty((last - first, SLOTS_A_WEEK), "<u4")
        some = slice(*np.searchsorted(kept.here, (first, last)))
        words[kept.here[some] - first] = before[kept.there[some]]
        some = slice(*np.searchsorted(new_rows, (first, last)))
        words[new_rows[some] - first] = fresh[some]
        out.append(words)


def _words(logit: NDArray[np.float32]) -> NDArray[np.uint32]:
    below = np.rint((SUREST_LOGIT - logit.astype(np.float64)) / STEP)
    words = np.clip(below, 0, STEPS).astype("<u4") << np.uint32(8)
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
