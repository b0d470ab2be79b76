"""SQLite files as files: copied at one moment while others write, left whole at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sendopt.disk import by_its_disk
from sendopt.errors import StoreFailure

#: How often all files are looked at for a moment in which the first of them stood still.
_TRIES = 1_000
_WAIT_SECONDS = 30.0  # for a writer who holds the whole file


class Moment:
    """What a file held when this was made, for as long as it is open. Writers go on meanwhile.

    For a process of its own: SQLite's locks belong to the process, and whoever closes a file lets
    go of those that another copy of SQLite, such as DuckDB's, holds on it in the same process.

    Raises:
        StoreFailure: `store_unavailable`, if the file cannot be opened, or why, as `by_its_disk`
            tells it; `store_damaged`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open = ExitStack()
        with _explained(path), ExitStack() as opening:
            self._watching = opening.enter_context(closing(_connect(path)))
            self._version = self._newest_version()
            self._pinned = opening.enter_context(closing(_connect(path)))
            self._pinned.execute("begin")
            self._pinned.execute("select 1 from sqlite_schema").fetchone()
            self._open = opening.pop_all()

    def is_newest(self) -> bool:
        """Tell whether nobody has committed to the file since."""
        return self._newest_version() == self._version

    def copy_to(self, copy: Path) -> None:
        """Write what the file held to a new file, and look through its pages.

        Raises:
            StoreFailure: `store_damaged`, if they contradict each other; `disk_failed`.
        """
        with _explained(self._path), closing(sqlite3.connect(copy)) as target:
            target.execute("pragma synchronous = off")  # nobody relies on a copy in the making
            self._pinned.backup(target, pages=-1)
            found = [row[0] for row in target.execute("pragma quick_check(10)")]
        if found != ["ok"]:
            raise _damaged(self._path, "; ".join(found))

    def close(self) -> None:
        self._open.close()

    def _newest_version(self) -> int:
        return int(self._watching.execute("pragma data_version").fetchone()[0])


@contextmanager
def same_moment(paths: Sequence[Path]) -> Iterator[list[Moment]]:
    """Open all files at a moment in which nobody committed to the first of them.

    Raises:
        StoreFailure: as `Moment`; `store_busy`, if the first file never stood still.
    """
    for _ in range(_TRIES):
        with ExitStack() as opening:
            moments = [opening.enter_context(closing(Moment(path))) for path in paths]
            if moments[0].is_newest():
                yield moments
                return
    raise StoreFailure(
        f"{paths[0]} was written to without a pause",
        statement="backup",
        code="store_busy",
        hint="repeat the command",
    )


def bring_in_wal(path: Path) -> None:
    """Write what the write-ahead log of a file holds into the file, and remove the log.

    Does less where other processes are at work: the last of them does it. As `Moment`, for the end
    of a process, when nothing else in it has the file open.

    Raises:
        StoreFailure: as `Moment`.
    """
    with _explained(path), closing(_connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)").fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    # "rw" makes no new file; a reader needs to write all the same, to the index of the WAL.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    with by_its_disk(path):
        try:
            yield
        except sqlite3.Error as error:
            raise _failure(path, error) from error


def _failure(path: Path, error: sqlite3.Error) -> StoreFailure:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(path, str(error))
    if name.startswith("SQLITE_FULL"):
        return StoreFailure(
            f"no room for a copy of {path}",
            statement="backup",
            code="disk_full",
            hint="make room in TMPDIR, where databases are copied to first, and repeat it",
        )
    return StoreFailure(
        f"{path} cannot be read: {error}", statement="backup", code="store_unavailable"
    )


def _damaged(path: Path, found: str) -> StoreFailure:
    return StoreFailure(
        f"{path} is damaged: {found}",
        statement="backup",
        code="store_damaged",
        hint="nothing was backed up; the backups before this one are as they were",
    )
