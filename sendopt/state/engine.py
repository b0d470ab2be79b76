"""Opens the state and hands out transactions: SQLite on a laptop, PostgreSQL in a fleet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

#: What every function of this package takes first. Stages pass it on and never look inside.
Transaction = Connection

_SQLITE_PRAGMAS = (
    # First, so that the others wait for a process that opens the same file at this moment.
    "PRAGMA busy_timeout = 30000",
    "PRAGMA journal_mode = WAL",
    # Acknowledged means on disk: FULL syncs the write-ahead log at every commit.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


class State:
    """One open state.

    `url` is `sqlite:///relative/or//absolute.db`, or a libpq URI such as
    `postgresql://user@host:5432/database`.
    """

    def __init__(self, url: str) -> None:
        self.engine = _open(url)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One consistent snapshot; the database refuses any write in it."""
        with self.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                yield connection.execution_options(read_only=True)
            else:
                yield connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """All or nothing; durable when the block has ended without an error."""
        with self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def _open(url: str) -> Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    engine = sa.create_engine(parsed, connect_args={"check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def configure(raw: Any, _record: object) -> None:
        # Without this the driver opens transactions by itself, too late and never IMMEDIATE.
        raw.isolation_level = None
        for pragma in _SQLITE_PRAGMAS:
            raw.execute(pragma)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        # The driver's own connection: these pragmas must not count as the first statement.
        raw: Any = connection.connection.dbapi_connection
        raw.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
        # A writer takes the lock at once: one that upgrades later can only fail.
        raw.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
