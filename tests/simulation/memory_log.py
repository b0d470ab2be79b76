"""The log of a simulated day: the real appender over lists, the real reader over plain tables.

A lake costs 0.1 s at each use. A day may be lived over a real one, too, and has to be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pyarrow as pa

from sendopt.log import EVENT_SCHEMA, LogLocation, read, statements
from sendopt.log.append import Appender
from sendopt.log.connect import LAKE_PREFIX
from sendopt.log.integrity import FileReport
from sendopt.log.lease import exclusive
from sendopt.log.migrate import shipped
from sendopt.log.read import Reader
from sendopt.log.sealing import ROW_HASH, sum_of
from sendopt.log.statements import run
from sendopt.log.unnamed import UnnamedFile
from sendopt.records import TenantId
from simulation.log_tables import STORED_SCHEMA, LogTables, TablesConnection
from simulation.scheduler import Scheduler
from simulation.stores import SteppedLog

LAKE = f"{LAKE_PREFIX}simulated"
_UNUSED_OPTIMIZERS = (
    "join_order,statistics_propagation,filter_pushdown,column_lifetime,compressed_materialization,"
    "join_filter_pushdown,late_materialization,common_subexpressions,build_side_probe_side"
)
_TABLES = f"select table_name from duckdb_tables() where database_name = '{LAKE}'"
_NO_TIME_TRAVEL = (" at (version => {snapshot})", "")


class _LateReader:
    """A reader that DuckDB opens at the first question that nothing else can answer.

    What a tenant without events is told is the same whenever it is asked, and is kept. Ids that are
    known are told of as the log was when the reader was made, all else as it was at that question.
    """

    def __init__(
        self, log: MemoryLog, tenant_id: TenantId, open_reader: Callable[[], Reader]
    ) -> None:
        self._log, self._tenant_id = log, tenant_id
        self._events = log.events_of(tenant_id)
        self._answers = log.answers_of_nothing
        self._open_reader = open_reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)

    @cached_property
    def _opened(self) -> Reader:
        return self._open_reader()

    def query(
        self,
        name: str,
        sql: str,
        params: Mapping[str, Any] | None = None,
        inputs: Mapping[str, pa.Table] | None = None,
    ) -> pa.Table:
        if name == "known_events" and inputs is not None:
            ids = set(inputs["incoming"]["event_id"].to_pylist())
            known = [row for row in self._events if row["event_id"] in ids]
            return pa.Table.from_pylist(known, schema=EVENT_SCHEMA)
        if self._log.events_of(self._tenant_id):
            return self._opened.query(name, sql, params, inputs)
        if (name, sql) not in self._answers:
            self._answers[name, sql] = self._opened.query(name, sql, params, inputs)
        return self._answers[name, sql]


class MemoryLog(SteppedLog):
    """The real appender over lists, and the real reader over DuckDB tables made of them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(LogLocation(str(folder / "log.sqlite"), str(folder / "log-data")))
        self.tables = LogTables()
        self._shown = (0, 0)  # how many events and marks of the tables DuckDB has as well
        self.answers_of_nothing: dict[tuple[str, str], pa.Table] = {}
        config = {
            "threads": 1,
            "python_enable_replacements": False,
            "preserve_insertion_order": False,
        }
        self._duckdb = duckdb.connect(":memory:", config=config)
        self._duckdb.execute("set global timezone = 'UTC'")
        # For tables of a few rows a plan costs more than its execution.
        self._duckdb.execute(f"set global disabled_optimizers = '{_UNUSED_OPTIMIZERS}'")
        self._duckdb.execute(f"attach ':memory:' as {LAKE}")
        self._duckdb.execute(f"use {LAKE}")
        for migration in shipped():
            for each in self._duckdb.extract_statements(migration.sql):
                if "set partitioned by" not in each.query:
                    self._duckdb.execute(each)
        self._duckdb.execute(
            "create macro current_snapshot() as table "
            f"select count(*) as id from {LAKE}.outbox_mark"
        )

    def begin_day(self, scheduler: Scheduler, tables: LogTables | None = None) -> None:
        """Forget the last day, and begin with `tables`; None = with an empty log."""
        self.scheduler = scheduler
        self.tables = LogTables() if tables is None else tables
        if self._shown != (0, 0):
            self._shown = (0, 0)
            for (table,) in self._duckdb.execute(_TABLES).fetchall():
                self._duckdb.execute(f"truncate {table}")

    def events_of(self, tenant_id: TenantId) -> list[dict[str, Any]]:
        return [row for row in self.tables.events if row["tenant_id"] == tenant_id]

    def migrate(self) -> None:
        """It is made as the newest release wants it."""

    def everything(self) -> list[dict[str, Any]]:
        order = itemgetter("tenant_id", "event_id", "occurred_at", "user_id")
        return sorted(self.tables.events, key=order)

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        self._show()
        with self.connection() as connection:
            yield connection

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._duckdb.cursor()
        try:
            connection.execute(f"use {LAKE}")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def reader(self, tenant_id: TenantId, *, snapshot: int | None = None) -> Iterator[Reader]:
        with ExitStack() as opened:
            late: Any = _LateReader(
                self,
                tenant_id,
                lambda: opened.enter_context(self._open_reader(tenant_id, snapshot)),
            )
            yield late

    @contextmanager
    def _open_reader(self, tenant_id: TenantId, snapshot: int | None) -> Iterator[Reader]:
        self._show()
        with read.reader(self._duckdb, LAKE, tenant_id, snapshot=snapshot) as reader:
            # What is appended from now on is not seen: what a snapshot of the lake does.
            reader._connection.execute("begin")
            yield reader

    def unchecked_reader(self, tenant_id: TenantId) -> AbstractContextManager[Reader]:
        return self.reader(tenant_id)

    def look_at_files(self, *, progress: Callable[[str], None] = lambda _path: None) -> FileReport:
        return FileReport(0, 0, (), ())  # there are none in memory

    def unnamed_files(self) -> list[UnnamedFile]:
        return []

    def _show(self) -> None:
        """Bring what was appended since the last time where DuckDB's readers look for it."""
        events, marks = self._shown
        fresh, positions = self.tables.events[events:], self.tables.marks[marks:]
        self._shown = len(self.tables.events), len(self.tables.marks)
        if not fresh and not positions:
            return
        with self.connection() as connection:
            connection.execute("begin")
            for position in positions:
                run(connection, "advance_mark", params={"position": position})
            if fresh:
                incoming = pa.Table.from_pylist(fresh, schema=STORED_SCHEMA)
                connection.register(
                    "incoming", incoming.append_column("row", pa.array(range(len(fresh))))
                )
                connection.register("verdict", pa.table({"row": pa.array([], pa.int64())}))
                run(connection, "insert_events")
                hashed = statements.statement("hashed").format(row_hash=ROW_HASH)
                connection.register("hashed", run(connection, "hashed", hashed).to_arrow_table())
                totals = statements.statement("totals").format(checksum=sum_of("row_hash"))
                connection.register("total", run(connection, "totals", totals).to_arrow_table())
                run(connection, "insert_batch")
                run(connection, "insert_checksum")
            connection.execute("commit")

    @contextmanager
    def _appender(self) -> Iterator[Appender]:
        with exclusive(self.location, "append", wait=False) as check_held:
            connection: Any = TablesConnection(self.tables)
            yield Appender(connection, LAKE, self.location, check_held)

    def high_water_mark(self) -> int:
        return max(self.tables.marks, default=0)

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
