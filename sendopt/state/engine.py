"""Opens the state and hands out transactions: SQLite on a laptop, PostgreSQL in a fleet."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa

# Whole, before there are threads. MLflow imports it at its first use, and while one thread does, a
# statement that any other one builds fails.
import sqlalchemy.orm
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from sendopt.clock import monotonic
from sendopt.disk import by_its_disk, make_private
from sendopt.errors import InvalidInput, RowRefused, SendoptError, StoreFailure
from sendopt.masking import hide_in
from sendopt.postgres import patience
from sendopt.records import TenantId
from sendopt.sqlite_failure import file_failure
from sendopt.state.connections import Connections
from sendopt.state.damage import is_damage
from sendopt.state.json_text import json_text
from sendopt.state.transaction import (
    FleetRead,
    FleetWrite,
    TenantRead,
    TenantWrite,
    Transaction,
)

#: How long a statement waits for another writer before it gives up.
LOCK_TIMEOUT_SECONDS = 30
#: For which PostgreSQL shows the rows of all tenants; no tenant can be called so.
EVERY_TENANT = "*"
#: Threads of one process that may wait for SQLite's only writer, more than any part of it has.
MOST_WAITING_WRITERS = 64

_SQLITE_SETUP = (
    f"PRAGMA busy_timeout = {LOCK_TIMEOUT_SECONDS * 1000}",
    # Acknowledged means on disk: FULL syncs the write-ahead log at every commit.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)

_POSTGRESQL_SETUP = (
    # Acknowledged means on disk, also where the server's default says otherwise; stronger
    # settings (remote_apply) stay as they are.
    """SELECT set_config('synchronous_commit', 'on', false)
       WHERE current_setting('synchronous_commit') = 'off'""",
    f"SELECT set_config('lock_timeout', '{LOCK_TIMEOUT_SECONDS}s', false)",
    # A client that is paused in the middle of a transaction must not hold up the others.
    "SELECT set_config('idle_in_transaction_session_timeout', '60s', false)",
)


class State:
    """One open state; cheap, shared by all threads of a process.

    `url` is `sqlite:///file.db` (four slashes for an absolute path) or a libpq URI,
    `postgresql://user@host:5432/database`.
    """

    def __init__(self, url: str) -> None:
        self.engine = _open(url)
        file = self.engine.url.database if self.engine.dialect.name == "sqlite" else None
        self._file = None if file is None else Path(file)
        # SQLite has one writer. Threads that wait for the file itself sleep and try again, and the
        # unlucky ones wait for seconds; here they queue. PostgreSQL's writers need no turns.
        self._turn = threading.Lock() if self.engine.dialect.name == "sqlite" else None
        self._places = threading.Semaphore(MOST_WAITING_WRITERS)
        self._connections: Connections | None = None
        if self._turn is None:
            fresh = _open_postgresql(self.engine.url, poolclass=sa.NullPool)
            self._connections = Connections(self.engine, fresh=fresh)

    @contextmanager
    def read(self, tenant_id: TenantId) -> Iterator[TenantRead]:
        """One consistent snapshot of a tenant's rows; the database refuses any write in it.

        Raises:
            StoreFailure: `store_busy`, `store_unavailable`, `store_damaged`, `disk_full`,
                `disk_read_only`, or a refused statement.
        """
        with self._reading(tenant_id) as connection:
            yield TenantRead(connection, tenant_id)

    @contextmanager
    def write(self, tenant_id: TenantId) -> Iterator[TenantWrite]:
        """All or nothing; durable when the block has ended without an error.

        Raises:
            StoreFailure: as `read`. Where the connection broke during the commit nobody knows
                whether it was stored; every write here can be repeated, and then converges.
        """
        with self._writing(tenant_id) as connection:
            yield TenantWrite(connection, tenant_id)

    @contextmanager
    def read_fleet(self) -> Iterator[FleetRead]:
        """As `read`, over the rows of every tenant."""
        with self._reading(EVERY_TENANT) as connection:
            yield FleetRead(connection)

    @contextmanager
    def write_fleet(self) -> Iterator[FleetWrite]:
        """As `write`, over the rows of every tenant."""
        with self._writing(EVERY_TENANT) as connection:
            yield FleetWrite(connection)

    @contextmanager
    def _reading(self, whose: str) -> Iterator[Connection]:
        with (
            by_its_disk(self._file),
            _explained("state.read"),
            self.engine.connect() as connection,
        ):
            if connection.dialect.name == "sqlite":
                yield connection.execution_options(read_only=True)
            else:
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                _name_tenant(connection, whose)
                yield connection

    @contextmanager
    def _writing(self, whose: str) -> Iterator[Connection]:
        with (
            by_its_disk(self._file),
            _explained("state.write"),
            self._own_turn(),
            self.engine.begin() as connection,
        ):
            if connection.dialect.name == "postgresql":
                _name_tenant(connection, whose)
            yield connection

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._places.acquire(blocking=False):
            raise _busy("state.write")
        try:
            came = self._turn.acquire(timeout=LOCK_TIMEOUT_SECONDS)
        finally:
            self._places.release()
        if not came:
            raise _busy("state.write")
        try:
            yield
        finally:
            self._turn.release()

    def renew(self) -> None:
        """Break off connections whose answer got lost; the pool makes new ones in their place.

        Raises:
            StoreFailure: `store_unavailable`, within seconds, if the server cannot be reached.
        """
        if self._connections is not None:
            with _explained("state.renew"):
                self._connections.break_off_unanswered()

    def close(self) -> None:
        self.engine.dispose()


def _name_tenant(connection: Connection, whose: str) -> None:
    """Let PostgreSQL show no rows but those of `whose` until the transaction ends."""
    connection.exec_driver_sql("SELECT set_config('sendopt.tenant', %s, true)", (whose,))


def insert(tx: Transaction, table: sa.Table) -> postgresql.Insert:
    """Return an INSERT into `table` that can say `on_conflict_do_nothing` and `..._do_update`.

    Both databases have the clause, and SQLAlchemy the same methods for it, in two classes.
    """
    if tx.is_sqlite:
        return cast("postgresql.Insert", sqlite.insert(table))
    return postgresql.insert(table)


_COMMON: dict[str, Any] = {
    "json_serializer": json_text,
    # A message with the values of a row in it would carry a tenant's data into the logs.
    "hide_parameters": True,
}
#: As many as a busy API has threads; beyond that a thread waits.
_POOL: dict[str, Any] = {
    "pool_size": 8,
    "max_overflow": 32,
    "pool_timeout": LOCK_TIMEOUT_SECONDS,
}


def _open(url: str) -> Engine:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise _unknown_store() from None  # it quotes the URL
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        engine = _open_postgresql(parsed, pool_pre_ping=True, **_POOL)
    elif backend == "sqlite" and parsed.database:
        make_private(Path(parsed.database))
        engine = sa.create_engine(
            parsed, connect_args={"check_same_thread": False}, **_POOL, **_COMMON
        )
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    else:
        raise _unknown_store()
    return engine


def _open_postgresql(url: sa.URL, **pooling: Any) -> Engine:
    psycopg = url.set(drivername="postgresql+psycopg")
    given = {name: str(value) for name, value in url.query.items()}
    engine = sa.create_engine(psycopg, connect_args=patience(given), **pooling, **_COMMON)
    sa.event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _set_up_postgresql(raw: Any, _record: object) -> None:
    for statement in _POSTGRESQL_SETUP:
        raw.execute(statement)
    raw.commit()


def _set_up_sqlite(raw: Any, _record: object) -> None:
    # Without this the driver opens transactions by itself, too late and never IMMEDIATE.
    raw.isolation_level = None
    for pragma in _SQLITE_SETUP:
        raw.execute(pragma)
    _switch_to_wal(raw)


def _switch_to_wal(raw: Any) -> None:
    """Use a write-ahead log, waiting for whoever opens the same new file at this moment.

    The first process turns the file around under a lock, and here SQLite gives up at once
    instead of waiting for its busy time-out (sqlite.org/c3ref/busy_handler.html: it may return
    SQLITE_BUSY without invoking the handler).
    """
    gives_up_at = monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            raw.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = str(error.sqlite_errorname).startswith("SQLITE_BUSY")
            if not busy or monotonic() >= gives_up_at:
                raise
            threading.Event().wait(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("read_only", False)
    raw: Any = connection.connection.driver_connection  # a fifth of what a statement costs
    raw.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
    # A writer takes the lock at once: one that upgrades later can only fail.
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def _explained(statement: str) -> Iterator[None]:
    """Turn the driver's errors into ours; SQL and values stay in the cause, for the log only."""
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise _busy(statement) from error
    except sa.exc.StatementError as error:
        hide_in(error)
        if isinstance(error.orig, SendoptError):
            raise error.orig from error  # a value broke one of our own rules on its way in
        raise _failure(error, statement) from error


def _failure(error: sa.exc.StatementError, statement: str) -> StoreFailure:
    if _is_busy(error):
        return _busy(statement)
    if isinstance(error, sa.exc.DBAPIError) and is_damage(error):
        return RowRefused("the state holds a row that cannot be read", statement=statement)
    if isinstance(error.orig, sqlite3.Error):
        found = file_failure(str(error.orig), statement, file="the file of the state")
        if found is not None:
            return found
    lost = isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, sa.exc.OperationalError):
        return StoreFailure(
            "the state cannot be reached, or its disk failed",
            statement=statement,
            code="store_unavailable",
            hint="repeat the request; a repetition changes nothing that was already stored",
        )
    kind = RowRefused if _is_about_a_row(error) else StoreFailure
    return kind("the state refused a statement", statement=statement)


def _is_about_a_row(error: sa.exc.StatementError) -> bool:
    """Tell whether a value, or a row that is there already, is why: another row would be stored."""
    of_database = isinstance(error, sa.exc.DBAPIError)
    return not of_database or isinstance(error, sa.exc.IntegrityError | sa.exc.DataError)


def _is_busy(error: sa.exc.StatementError) -> bool:
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", "")
    # PostgreSQL: lock_timeout, deadlock, serialization failure. SQLite: busy_timeout is over.
    return code in {"55P03", "40P01", "40001"} or str(code).startswith("SQLITE_BUSY")


def _busy(statement: str) -> StoreFailure:
    return StoreFailure(
        "another process kept the state busy for too long",
        statement=statement,
        code="store_busy",
        hint="repeat the request",
    )


def _unknown_store() -> InvalidInput:
    # The URL itself may hold a password: it is not repeated.
    return InvalidInput(
        "the state's URL names no store that sendopt knows",
        code="state_url_invalid",
        expected="sqlite:///file.db or postgresql://user@host/database",
    )
