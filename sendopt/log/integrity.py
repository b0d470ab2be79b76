"""Tells whether the log still holds what was appended to it, and which file does not.

Two marks were written apart from the rows: a seal of every data file (see `sealing`), and of every
append how many events of a tenant it stored and what their hashes sum up to. The first tells which
file changed; the second also covers rows that the catalog holds itself, and the catalog's own word
on which files there are.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sendopt.errors import StoreFailure
from sendopt.log.location import LogLocation
from sendopt.log.sealing import Seal, current_files, relative, seal, seals, tenant_of
from sendopt.log.statements import at_one_moment
from sendopt.log.statistics import misleading
from sendopt.records import TenantId

RUNBOOK = "docs/runbooks/corrupt-file.md"


@dataclass(frozen=True, slots=True)
class Damage:
    """A data file that is not what was written."""

    path: str  # below the folder of the data
    tenant_id: TenantId | None  # whose events it holds; None = of every tenant something
    what: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of a look at every data file."""

    file_count: int
    byte_count: int
    damaged: tuple[Damage, ...]
    unsealed: tuple[str, ...]  # there and readable, but nobody wrote down what they held


def look_at_files(
    connection: duckdb.DuckDBPyConnection,
    lake: str,
    location: LogLocation,
    *,
    progress: Callable[[str], None] = lambda _path: None,
) -> FileReport:
    """Read every file of the newest snapshot as a whole, and compare it with its seal."""
    known = seals(connection, lake)
    damaged, unsealed, sound = list[Damage](), list[str](), list[str]()
    byte_count = file_count = 0
    for file in current_files(connection, lake):
        path = relative(location, file)
        progress(path)
        file_count += 1
        found = _seal(connection, location, file)
        if isinstance(found, Damage):
            damaged.append(found)
            continue
        byte_count += found.bytes
        if path not in known:
            unsealed.append(path)
        elif found != known[path]:
            damaged.append(_changed(known[path], found))
        else:
            sound.append(file)
    damaged += _described_wrongly(connection, lake, location, sound)
    return FileReport(file_count, byte_count, tuple(damaged), tuple(unsealed))


class FileWatch:
    """Checks the files of a log on a disk before they are read, each once while it stays as it is.

    A file that was checked and whose inode, size and times are as they were is not read again: what
    rots below them is found by a training, by `sendopt log scrub` and by `sendopt verify`.
    """

    def __init__(self, location: LogLocation) -> None:
        self._location = location
        self._turn = threading.Lock()
        self._turns: dict[TenantId, threading.Lock] = {}  # to read whole files takes a while
        self._snapshot = -1
        self._files: list[str] = []
        self._seals: dict[str, Seal] = {}
        self._checked: dict[str, tuple[int, ...]] = {}

    def check(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: str,
        tenant_id: TenantId,
        *,
        newest: int,
    ) -> None:
        """Refuse to read the tenant's events from a file that is not what was written.

        Args:
            connection: of a reader.
            lake: what is attached there.
            tenant_id: whose events are about to be read.
            newest: the newest snapshot; the list of files is asked for once a snapshot.

        Raises:
            StoreFailure: `log_damaged`.
        """
        if self._location.on_s3:
            return  # a store with checksums of its own, and far away
        with self._turn:
            if newest > self._snapshot:
                self._files = list(current_files(connection, lake))
                self._seals = seals(connection, lake)
                self._snapshot = newest
            files, sealed = self._files, self._seals
            turn = self._turns.setdefault(tenant_id, threading.Lock())
        with turn:  # whoever reads another tenant does not wait
            fresh = dict[str, tuple[int, ...]]()
            looks = (self._look(connection, file, tenant_id, sealed, fresh) for file in files)
            damaged = [damage for damage in looks if damage is not None]
            if fresh:
                mine = {tenant_id, None}
                described = _described_wrongly(connection, lake, self._location, fresh)
                wrong = [each for each in described if each.tenant_id in mine]
                damaged += wrong
                if not wrong:
                    self._checked |= fresh
        if damaged:
            raise refusal(damaged)

    def _look(
        self,
        connection: duckdb.DuckDBPyConnection,
        file: str,
        tenant_id: TenantId,
        sealed: Mapping[str, Seal],
        fresh: dict[str, tuple[int, ...]],
    ) -> Damage | None:
        """Return what is wrong with a file; note it in `fresh` if it was read and is whole."""
        path = relative(self._location, file)
        if tenant_of(path) not in {tenant_id, None}:
            return None
        try:
            identity = _identity(Path(file).stat())
        except OSError as error:
            return _unreadable(path, error)
        expected = sealed.get(path)
        if expected is None or self._checked.get(file) == identity:
            return None
        found = _seal(connection, self._location, file)
        if isinstance(found, Damage):
            return found
        if found != expected:
            return _changed(expected, found)
        fresh[file] = identity
        return None


def refusal(damaged: Iterable[Damage]) -> StoreFailure:
    """Return the refusal to read events that are not what was appended.

    Args:
        damaged: the files that were found; none if what the catalog holds itself was changed.
    """
    told = "; ".join(f"{each.path} {each.what}" for each in damaged)
    return StoreFailure(
        f"the log does not hold what was appended to it: {told or 'its catalog was changed'}",
        statement="check",
        code="log_damaged",
        hint=f"nothing was read from it; {RUNBOOK} says what to do",
    )


def _seal(connection: duckdb.DuckDBPyConnection, location: LogLocation, file: str) -> Seal | Damage:
    try:
        return seal(connection, location, file)
    except (OSError, StoreFailure) as error:
        return _unreadable(relative(location, file), error)


def _changed(expected: Seal, found: Seal) -> Damage:
    what = "was changed since it was written"
    if expected.bytes != found.bytes:
        what += f": it had {expected.bytes:,} bytes and has {found.bytes:,}"
    return Damage(expected.path, tenant_of(expected.path), what)


def _described_wrongly(
    connection: duckdb.DuckDBPyConnection, lake: str, location: LogLocation, files: Iterable[str]
) -> list[Damage]:
    """Return what the catalog says wrongly of files that are whole, and of its tables."""
    found = defaultdict[tuple[str, TenantId | None], list[str]](list)
    with at_one_moment(connection):
        for each in misleading(connection, lake, location, list(files)):
            path = each.file or f"catalog, table {each.table}"
            found[path, each.tenant_id].append(each.column)
    return [
        Damage(
            path,
            tenant_id,
            f"holds other values than the catalog's statistics of {', '.join(columns)} say: "
            "queries would miss some",
        )
        for (path, tenant_id), columns in found.items()
    ]


def _unreadable(path: str, error: Exception) -> Damage:
    why = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
    return Damage(path, tenant_of(path), why)


def _identity(stat: os.stat_result) -> tuple[int, ...]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
