"""The door to one log: migrate it, read it, append to it, name its snapshots."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb

from sendopt.disk import make_private
from sendopt.errors import Conflict, NotFound
from sendopt.log.append import Appender
from sendopt.log.connect import attached, connected, open_instance
from sendopt.log.instance import Instance, Instances
from sendopt.log.integrity import FileReport, FileWatch, look_at_files, refusal
from sendopt.log.lease import CheckHeld, exclusive
from sendopt.log.location import LogLocation
from sendopt.log.migrate import check_version, migrate, shipped
from sendopt.log.read import Reader, current_snapshot, reader
from sendopt.log.statements import all_rows, failures, run
from sendopt.log.unnamed import UnnamedFile, unnamed_files
from sendopt.records import TenantId
from sendopt.text import quoted

_numbers = itertools.count(1)


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
        self._schema = shipped()
        self._instances = Instances(self._open)
        self._watch = FileWatch(location)

    def migrate(self) -> None:
        """Create the log, or bring its schema up to date. Safe to repeat and to race."""
        with self._instances.use() as instance:
            migrate(instance.connection, self.location, self._schema)

    @contextmanager
    def reader(self, tenant_id: TenantId, *, snapshot: int | None = None) -> Iterator[Reader]:
        """Open a reader of one tenant, at `snapshot` or at the newest one.

        Any number may be open, in any number of processes, while events are appended. A data file
        that it is the first to read since the file was written is read whole, and compared.

        Raises:
            NotFound: if there is no such snapshot.
            StoreFailure: if the log cannot be opened or was not migrated; `log_damaged`.
        """
        with (
            self._instances.use() as instance,
            reader(
                instance.connection,
                instance.readers_lake(),
                tenant_id,
                snapshot=snapshot,
                watch=self._watch,
            ) as opened,
        ):
            yield opened

    @contextmanager
    def checked_reader(
        self, tenant_id: TenantId, *, snapshot: int | None = None
    ) -> Iterator[Reader]:
        """As `reader`, for whoever reads everything: all of it is compared with what was appended.

        Raises:
            NotFound: if there is no such snapshot.
            StoreFailure: as `reader`; `log_damaged`, naming the file where it is a file.
        """
        if not self.location.on_s3:  # where reading twice is reading from far away twice
            mine = {tenant_id, None}
            if damaged := [each for each in self.look_at_files().damaged if each.tenant_id in mine]:
                raise refusal(damaged)
        with self.reader(tenant_id, snapshot=snapshot) as opened:
            opened.require_whole()
            yield opened

    @contextmanager
    def unchecked_reader(self, tenant_id: TenantId) -> Iterator[Reader]:
        """As `reader`, for whoever looks for damage."""
        with (
            self._instances.use() as instance,
            reader(
                instance.connection, instance.readers_lake(), tenant_id, snapshot=None
            ) as opened,
        ):
            yield opened

    def tenants(self) -> list[TenantId]:
        """Return of whom events were ever appended."""
        with self._reading() as connection:
            return [TenantId(name) for (name,) in all_rows(connection, "tenants")]

    def look_at_files(self, *, progress: Callable[[str], None] = lambda _path: None) -> FileReport:
        """Read every data file whole, and compare it with what was written; say which differ.

        Args:
            progress: told the name of each file before it is read.
        """
        with self._instances.use() as instance, connected(instance.connection) as connection:
            lake = instance.readers_lake()
            return look_at_files(connection, lake, self.location, progress=progress)

    def unnamed_files(self) -> list[UnnamedFile]:
        """Return the data files whose events the log lacks, because it does not name them.

        Raises:
            LeaseHeld: if another process appends, which writes files before it names them.
            StoreFailure: if a file cannot be read.
        """
        with (
            exclusive(self.location, "append", wait=False),
            self._instances.use() as instance,
            connected(instance.connection) as connection,
        ):
            return list(unnamed_files(connection, instance.readers_lake(), self.location))

    @contextmanager
    def appender(self) -> Iterator[Appender]:
        """Hold the only right to append, for the block.

        Raises:
            LeaseHeld: at once, naming the process that holds it.
            StoreFailure: if the log cannot be opened or was not migrated.
        """
        with (
            exclusive(self.location, "append", wait=False) as check_held,
            self._instances.use() as instance,
            instance.appending() as (connection, lake),
        ):
            check_version(connection, self._schema[-1].version)
            with failures("files"):
                appender = Appender(connection, lake, self.location, check_held)
            yield appender

    def exclusively(self, right: str) -> AbstractContextManager[CheckHeld]:
        """Hold a right that one process at a time may hold, for the block; wait for it a minute.

        Whoever is about to do what it is the right to asks what is yielded: a server that was
        restarted has given it to somebody else.

        Raises:
            LeaseHeld: naming the process that holds it still.
            StoreFailure: if nobody can tell who holds it.
        """
        return exclusive(self.location, right, wait=True)

    def renew(self) -> None:
        """Leave the present connections to whoever waits for them, and use new ones from now on."""
        self._instances.retire()

    def high_water_mark(self) -> int:
        """Return the highest position of the outbox that is in the log; 0 at first."""
        with self._reading() as connection:
            return int(all_rows(connection, "high_water_mark")[0][0])

    def look_for_data(self) -> None:
        """Ask the object store that holds the data for a name that nothing has.

        Raises:
            StoreFailure: if it does not answer.
        """
        pattern = f"{self.location.data.rstrip('/')}/is-anybody-there*"
        with self._instances.use() as instance, connected(instance.connection) as connection:
            all_rows(connection, "glob", params={"pattern": pattern})

    def name_snapshot(self, name: str, snapshot: int | None = None) -> int:
        """Name `snapshot`, or the newest one, for ever, and return it.

        Raises:
            Conflict: if the name belongs to another snapshot.
            NotFound: if there is no such snapshot.
        """
        with (
            exclusive(self.location, "name", wait=True),
            self._instances.use() as instance,
            attached(instance.connection, self.location, read_only=False) as (connection, lake),
        ):
            newest = current_snapshot(connection, lake)
            if snapshot is not None and not 0 <= snapshot <= newest:
                raise NotFound(f"the log has no snapshot {snapshot}; the newest is {newest}")
            named = _find(connection, name)
            if named is None:
                named = newest if snapshot is None else snapshot
                run(connection, "name_snapshot", params={"name": name, "snapshot": named})
            elif snapshot is not None and snapshot != named:
                raise Conflict(f"{quoted(name)} is the name of snapshot {named} already")
            return named

    def named_snapshot(self, name: str) -> int:
        """Return the snapshot called `name`.

        Raises:
            NotFound: if there is none.
        """
        with self._reading() as connection:
            snapshot = _find(connection, name)
        if snapshot is None:
            raise NotFound(f"no snapshot of the log is called {quoted(name)}")
        return snapshot

    def close(self) -> None:
        """Let go of memory and temporary files once nobody uses them; the next use opens again."""
        self._instances.retire()

    def _open(self) -> Instance:
        with failures("open"):
            self._make_folders()
        connection = open_instance(
            self.location,
            memory_limit=self._memory_limit,
            threads=self._threads,
            # Made when first needed, removed with the instance.
            spill=Path(tempfile.gettempdir(), f"sendopt-log-{os.getpid()}-{next(_numbers)}"),
        )
        return Instance(connection, self.location, self._schema[-1].version)

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection that uses the readers' lake."""
        with self._instances.use() as instance:
            lake = instance.readers_lake()
            with connected(instance.connection) as connection:
                run(connection, "use", f"use {lake}")
                yield connection

    def _make_folders(self) -> None:
        if not self.location.on_postgres:
            catalog = Path(self.location.catalog)
            catalog.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_private(catalog)
        if not self.location.on_s3:
            Path(self.location.data).mkdir(mode=0o700, parents=True, exist_ok=True)


def _find(connection: duckdb.DuckDBPyConnection, name: str) -> int | None:
    rows = all_rows(connection, "named_snapshot", params={"name": name})
    return int(rows[0][0]) if rows else None
