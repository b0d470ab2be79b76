"""Rights that one process at a time may hold, released by the kernel or server when it dies.

For a catalog in an SQLite file they are `flock` locks on files beside it; for a catalog in
PostgreSQL they are session advisory locks in that database. Neither outlives a killed holder. One
that is stopped, or waits itself for something that is away, keeps its right: nobody waits for that
without end.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sendopt.clock import monotonic
from sendopt.disk import explained
from sendopt.errors import LeaseHeld, StoreFailure
from sendopt.log.location import LogLocation
from sendopt.masking import hide_in
from sendopt.postgres import with_patience

if TYPE_CHECKING:
    import psycopg

#: First half of the advisory lock keys, so that they meet nobody else's in the same database.
_LOCK_SPACE = zlib.crc32(b"sendopt.log") - 2**31

#: How long whoever waits for a right does so; others hold one for moments.
PATIENCE = timedelta(seconds=60)
_LOOK_EVERY_SECONDS = 0.02

#: Raises StoreFailure if the right was lost meanwhile.
CheckHeld = Callable[[], None]


@contextmanager
def exclusive(location: LogLocation, right: str, *, wait: bool) -> Iterator[CheckHeld]:
    """Hold `right` for the block.

    Raises:
        LeaseHeld: if another process holds it, with `wait` for longer than PATIENCE; says which.
        StoreFailure: if nobody can tell who holds it.
    """
    hold = _on_postgres if location.on_postgres else _on_file
    with hold(location.catalog, right, wait=wait) as check:
        yield check


@contextmanager
def _on_file(catalog: str, right: str, *, wait: bool) -> Iterator[CheckHeld]:
    with explained(right):
        file = _open(Path(f"{catalog}.{right}"))
    with file:
        with explained(right):
            _lock(file, right, gives_up_at=monotonic() + PATIENCE.total_seconds() * wait)
            file.truncate(0)
            file.write(_holder())
            file.flush()
        yield lambda: None  # the kernel takes a flock from nobody who lives


def _lock(file: TextIO, right: str, *, gives_up_at: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= gives_up_at:
                file.seek(0)
                raise _held(right, by=file.read().strip() or "an unknown process") from None
            threading.Event().wait(_LOOK_EVERY_SECONDS)
        else:
            return


def _open(path: Path) -> TextIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.open("a+", encoding="utf-8")


@contextmanager
def _on_postgres(catalog: str, right: str, *, wait: bool) -> Iterator[CheckHeld]:
    import psycopg  # noqa: PLC0415 - costs every command of a log on files 0.1 s

    @contextmanager
    def answered(meaning: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            hide_in(error)
            raise StoreFailure(meaning, statement=right) from error

    key = (_LOCK_SPACE, zlib.crc32(right.encode()) - 2**31)
    name = f"sendopt {right} {_holder()}"
    with answered("the log's catalog cannot be reached"):
        connection = psycopg.connect(with_patience(catalog), autocommit=True, application_name=name)
    with closing(connection):  # and with it the lock is let go
        with answered("the log's catalog broke off"):
            if not _try(connection, key, wait=wait):
                holder = _first(connection, _HOLDER_OF_LOCK, key)
                raise _held(right, by=str(holder or "an unknown session"))

        def check() -> None:
            with answered(f"the session that held the right to {right} is gone"):
                connection.execute("select 1")

        yield check


def _try(connection: psycopg.Connection, key: tuple[int, int], *, wait: bool) -> bool:
    from psycopg.errors import LockNotAvailable  # noqa: PLC0415 - as psycopg itself

    if not wait:
        return bool(_first(connection, "select pg_try_advisory_lock(%s, %s)", key))
    patience = max(1, PATIENCE // timedelta(milliseconds=1))
    connection.execute("select set_config('lock_timeout', %s, false)", (f"{patience}ms",))
    try:
        connection.execute("select pg_advisory_lock(%s, %s)", key)
    except LockNotAvailable:
        return False
    return True


_HOLDER_OF_LOCK = """
select a.application_name
from pg_locks as l join pg_stat_activity as a using (pid)
where l.locktype = 'advisory' and l.granted and l.database =
    (select oid from pg_database where datname = current_database())
    and l.classid::bigint = %s::bigint & 4294967295
    and l.objid::bigint = %s::bigint & 4294967295
"""


def _first(connection: psycopg.Connection, query: str, params: tuple[int, int]) -> object:
    row = connection.execute(query.encode(), params).fetchone()
    return None if row is None else row[0]


def _holder() -> str:
    return f"{socket.gethostname()} process {os.getpid()}"


def _held(right: str, *, by: str) -> LeaseHeld:
    return LeaseHeld(
        f"{by} holds the right to {right} this log",
        hint="stop that process, or send the events to it"
        if right == "append"
        else "repeat it later",
    )
