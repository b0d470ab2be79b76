"""The stores of a simulated day: the real code over files in memory, with boundaries for faults.

The state is the real one over SQLite. The log is the real appender and the real reader over plain
DuckDB tables in memory: a lake costs 0.1 s at each use. A day may be lived over a real lake, too,
and has to be the same day.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pyarrow as pa

from sendopt.log import Log, LogLocation, read, statements
from sendopt.log.append import Appender
from sendopt.log.connect import LAKE_PREFIX
from sendopt.log.durable import DataFiles
from sendopt.log.integrity import FileReport
from sendopt.log.lease import exclusive
from sendopt.log.migrate import shipped
from sendopt.log.read import Reader
from sendopt.records import TenantId
from sendopt.state import State, Transaction
from simulation.scheduler import Scheduler

_LAKE = f"{LAKE_PREFIX}simulated"
_UNUSED_OPTIMIZERS = (
    "join_order,statistics_propagation,filter_pushdown,column_lifetime,compressed_materialization,"
    "join_filter_pushdown,late_materialization,common_subexpressions,build_side_probe_side"
)
_TABLES = f"select table_name from duckdb_tables() where database_name = '{_LAKE}'"
_NO_TIME_TRAVEL = (" at (version => {snapshot})", "")


class SimulatedState(State):
    """The real state, one file for one day after the other; its compiled statements stay."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"sqlite:///{file}")
        self.file = file
        self.scheduler: Scheduler | None = None
        self.on_commit: Callable[[], None] = lambda: None
        self._beside: sqlite3.Connection | None = None

    def begin_day(self, template: Path, scheduler: Scheduler) -> None:
        """Forget the last day."""
        self._close_beside()
        self.engine.dispose()
        for suffix in ("-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(template, self.file)
        self.scheduler = scheduler

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        self._boundary("before it reads")
        with super().read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self._boundary("before it writes")
        if self.scheduler is not None:
            self.scheduler.refuse("store_busy", "before it writes")
        with super().write() as tx:
            yield tx
        self.on_commit()
        self._boundary("after it has written")
        if self.scheduler is not None:  # committed, and the connection breaks before it is told
            self.scheduler.refuse("store_unavailable", "after it has written")

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Look into the file past all of the product's own code."""
        if self._beside is None:
            self._beside = sqlite3.connect(self.file, isolation_level=None)
            self._beside.row_factory = sqlite3.Row
        return self._beside.execute(sql, values).fetchall()

    def _close_beside(self) -> None:
        if self._beside is not None:
            self._beside.close()
            self._beside = None

    def close(self) -> None:
        self._close_beside()
        super().close()

    def _boundary(self, what: str) -> None:
        if self.scheduler is not None:
            self.scheduler.step(what)


class _Files:
    """Data files on a disk that may refuse to sync them."""

    def __init__(self, files: DataFiles, before_commit: Callable[[], None]) -> None:
        self._files, self._before_commit = files, before_commit

    def expect(self) -> None:
        self._files.expect()

    def sync_new(self) -> list[str]:
        self._before_commit()
        return self._files.sync_new()


class SteppedLog(Log):
    """A log with a boundary before and after each right to append, and before each commit."""

    scheduler: Scheduler | None = None
    _has_events = False

    @contextmanager
    def appender(self) -> Iterator[Appender]:
        self._boundary("before it may append")
        with self._appender() as appender:
            appender._data = _Files(appender._data, self.before_commit)  # type: ignore[assignment]
            yield appender
            self._boundary("after it has appended")

    def before_commit(self) -> None:
        self._has_events = True  # or may have, from now on
        self._boundary("before it commits to the log")
        scheduler = self.scheduler
        task = None if scheduler is None else scheduler.current
        if scheduler is None or task is None:
            return
        if scheduler.random.random() < scheduler.faults.disk:
            scheduler.tell(task.name, "the log's disk refuses to sync")
            raise OSError(errno.EIO, "simulated")

    def everything(self) -> list[dict[str, Any]]:
        """Return every row of every tenant, in a fixed order, past all readers."""
        with self._appender() as appender:
            connection = appender._connection
            sql = "select * from event order by tenant_id, event_id, occurred_at, user_id"
            return list(connection.execute(sql).to_arrow_table().to_pylist())

    def _appender(self) -> Any:
        return super().appender()

    def _boundary(self, what: str) -> None:
        if self.scheduler is not None:
            self.scheduler.step(what)


class MemoryLog(SteppedLog):
    """The real appender and reader over DuckDB tables in memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(LogLocation(str(folder / "log.sqlite"), str(folder / "log-data")))
        self._answers: dict[tuple[str, str], pa.Table] = {}
        config = {
            "threads": 1,
            "python_enable_replacements": False,
            "preserve_insertion_order": False,
        }
        self._duckdb = duckdb.connect(":memory:", config=config)
        self._duckdb.execute("set global timezone = 'UTC'")
        # For tables of a few rows a plan costs more than its execution.
        self._duckdb.execute(f"set global disabled_optimizers = '{_UNUSED_OPTIMIZERS}'")
        self._duckdb.execute(f"attach ':memory:' as {_LAKE}")
        self._duckdb.execute(f"use {_LAKE}")
        for migration in shipped():
            for each in self._duckdb.extract_statements(migration.sql):
                if "set partitioned by" not in each.query:
                    self._duckdb.execute(each)
        self._duckdb.execute(
            "create macro current_snapshot() as table "
            f"select count(*) as id from {_LAKE}.outbox_mark"
        )

    def begin_day(self, scheduler: Scheduler) -> None:
        """Forget the last day."""
        self.scheduler = scheduler
        self._has_events = False
        for (table,) in self._duckdb.execute(_TABLES).fetchall():
            self._duckdb.execute(f"truncate {table}")

    def migrate(self) -> None:
        """It is made as the newest release wants it."""

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._connection() as connection:
            yield connection

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._duckdb.cursor()
        try:
            connection.execute(f"use {_LAKE}")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def reader(self, tenant_id: TenantId, *, snapshot: int | None = None) -> Iterator[Reader]:
        with read.reader(self._duckdb, _LAKE, tenant_id, snapshot=snapshot) as reader:
            # What is appended from now on is not seen: what a snapshot of the lake does.
            reader._connection.execute("begin")
            if not self._has_events:
                reader.query = partial(self._answer_of_nothing, reader.query)  # type: ignore[method-assign]
            yield reader

    def unchecked_reader(self, tenant_id: TenantId) -> AbstractContextManager[Reader]:
        return self.reader(tenant_id)

    def look_at_files(self, *, progress: Callable[[str], None] = lambda _path: None) -> FileReport:
        return FileReport(0, 0, (), ())  # there are none in memory

    def _answer_of_nothing(
        self, query: Callable[..., pa.Table], name: str, sql: str, *args: Any, **inputs: Any
    ) -> pa.Table:
        """Remember answers as long as the log is empty: it says the same whenever it is asked."""
        if (name, sql) not in self._answers:
            self._answers[name, sql] = query(name, sql, *args, **inputs)
        return self._answers[name, sql]

    @contextmanager
    def _appender(self) -> Iterator[Appender]:
        with (
            exclusive(self.location, "append", wait=False) as check_held,
            self._connection() as connection,
        ):
            yield Appender(connection, _LAKE, self.location, check_held)

    def close(self) -> None:
        self._duckdb.close()


@contextmanager
def without_time_travel() -> Iterator[None]:
    """Let the log's SQL run over plain tables, for as long as `MemoryLog` is used."""

    def plain(name: str) -> str:
        if name == "has_checksums":  # it asks the lake's own catalog
            return "select 1"
        return statements.statement(name).replace(*_NO_TIME_TRAVEL)

    with mock.patch.object(read, "statement", plain):
        yield
