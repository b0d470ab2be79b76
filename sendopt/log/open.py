"""The door to one log: migrate it, read it, append to it, name its snapshots."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import duckdb

from sendopt.errors import Conflict, NotFound
from sendopt.log.append import Appender
from sendopt.log.connect import attached, open_instance
from sendopt.log.durable import DataFiles
from sendopt.log.lease import exclusive
from sendopt.log.location import LogLocation
from sendopt.log.migrate import check_version, migrate, shipped
from sendopt.log.read import Reader, current_snapshot, reader
from sendopt.log.statements import run
from sendopt.records import TenantId


class Log:
    """Cheap to make: DuckDB opens on first use and serves all readers and the appender of it.

    Args:
        location: the catalog and the data; local folders are made when needed.
        memory_limit: what DuckDB may hold in memory, of all readers and the appender together;
            beyond it, it spills to a temporary folder.
        threads: how many threads all queries together may use.
    """

    def __init__(
        self, location: LogLocation, *, memory_limit: str = "2GB", threads: int = 2
    ) -> None:
        self.location = location
        self._memory_limit = memory_limit
        self._threads = threads
        self._opening = threading.Lock()
        self._instance: duckdb.DuckDBPyConnection | None = None
        self._readers_lake: str | None = None  # attached once for all readers: 10 times faster
        self._attachment = ExitStack()
        self._schema = shipped()

    def migrate(self) -> None:
        """Create the log, or bring its schema up to date. Safe to repeat and to race."""
        migrate(self._open(), self.location, self._schema)

    def reader(
        self, tenant_id: TenantId, *, snapshot: int | None = None
    ) -> AbstractContextManager[Reader]:
        """Open a reader of one tenant, at `snapshot` or at the newest one.

        Any number may be open, in any number of processes, while events are appended.

        Raises:
            NotFound: if there is no such snapshot.
            StoreFailure: if the log cannot be opened or was not migrated.
        """
        return reader(*self._open_for_readers(), tenant_id, snapshot=snapshot)

    @contextmanager
    def appender(self) -> Iterator[Appender]:
        """Hold the only right to append, for the block.

        Raises:
            LeaseHeld: at once, naming the process that holds it.
        """
        with (
            exclusive(self.location, "append", wait=False) as check_held,
            attached(self._open(), self.location, read_only=False) as (connection, lake),
        ):
            run(connection, "use", f"use {lake}")
            check_version(connection, self._schema[-1].version)
            yield Appender(connection, lake, DataFiles(self.location), check_held)

    def high_water_mark(self) -> int:
        """Return the highest position of the outbox that is in the log; 0 at first."""
        with self._reading() as connection:
            return int(run(connection, "high_water_mark").fetchall()[0][0])

    def name_snapshot(self, name: str, snapshot: int | None = None) -> int:
        """Name `snapshot`, or the newest one, for ever, and return it.

        Raises:
            Conflict: if the name belongs to another snapshot.
            NotFound: if there is no such snapshot.
        """
        with (
            exclusive(self.location, "name", wait=True),
            attached(self._open(), self.location, read_only=False) as (connection, lake),
        ):
            run(connection, "use", f"use {lake}")
            newest = current_snapshot(connection, lake)
            if snapshot is not None and not 0 <= snapshot <= newest:
                raise NotFound(f"the log has no snapshot {snapshot}; the newest is {newest}")
            named = _find(connection, name)
            if named is None:
                named = newest if snapshot is None else snapshot
                run(connection, "name_snapshot", params={"name": name, "snapshot": named})
            elif snapshot is not None and snapshot != named:
                raise Conflict(f"{name!r} is the name of snapshot {named} already")
            return named

    def named_snapshot(self, name: str) -> int:
        """Return the snapshot called `name`.

        Raises:
            NotFound: if there is none.
        """
        with self._reading() as connection:
            snapshot = _find(connection, name)
        if snapshot is None:
            raise NotFound(f"no snapshot of the log is called {name!r}")
        return snapshot

    def close(self) -> None:
        """Let go of memory and temporary files; the next use opens again."""
        with self._opening:
            self._attachment.close()
            self._readers_lake = None
            if self._instance is not None:
                self._instance.close()
                self._instance = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            if self._instance is None:
                self._make_folders()
                self._instance = open_instance(
                    self.location,
                    memory_limit=self._memory_limit,
                    threads=self._threads,
                    # Made when first needed, removed with the instance.
                    spill=Path(tempfile.gettempdir(), f"sendopt-log-{os.getpid()}-{id(self)}"),
                )
            return self._instance

    def _open_for_readers(self) -> tuple[duckdb.DuckDBPyConnection, str]:
        """Return the instance and the name under which every reader finds the lake."""
        instance = self._open()
        with self._opening:
            if self._readers_lake is None:
                with ExitStack() as opening:
                    connection, lake = opening.enter_context(
                        attached(instance, self.location, read_only=True)
                    )
                    run(connection, "use", f"use {lake}")
                    # Once is enough: a schema only ever moves forward.
                    check_version(connection, self._schema[-1].version)
                    self._attachment = opening.pop_all()
                self._readers_lake = lake
            return instance, self._readers_lake

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection that uses the readers' lake."""
        instance, lake = self._open_for_readers()
        connection = instance.cursor()
        try:
            run(connection, "use", f"use {lake}")
            yield connection
        finally:
            connection.close()

    def _make_folders(self) -> None:
        if not self.location.on_postgres:
            Path(self.location.catalog).parent.mkdir(parents=True, exist_ok=True)
        if not self.location.on_s3:
            Path(self.location.data).mkdir(parents=True, exist_ok=True)


def _find(connection: duckdb.DuckDBPyConnection, name: str) -> int | None:
    rows = run(connection, "named_snapshot", params={"name": name}).fetchall()
    return int(rows[0][0]) if rows else None
