"""The tables of a simulated log as lists, and the appender's statements over them.

DuckDB plans a statement in milliseconds, however few rows there are. The appender is the real one;
its statements, told apart by their text, are carried out here in plain Python, and
`test_the_log_of_a_day_answers_as_duckdb_does` holds them to what DuckDB makes of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sendopt.log.append import VERDICT_SCHEMA
from sendopt.log.events import EVENT_SCHEMA
from sendopt.log.sealing import ROW_HASH, sum_of
from sendopt.log.statements import statement

Row = dict[str, Any]

STORED_SCHEMA = pa.schema([pa.field("tenant_id", pa.string(), nullable=False), *EVENT_SCHEMA])


@dataclass
class LogTables:
    """What is committed."""

    events: list[Row] = field(default_factory=list)  # in the order of their appends
    marks: list[int] = field(default_factory=list)

    def copy(self) -> LogTables:
        return LogTables(list(self.events), list(self.marks))


class TablesConnection:
    """What the appender takes for its connection to DuckDB."""

    def __init__(self, tables: LogTables) -> None:
        self._tables = tables
        self._inputs: dict[str, pa.Table] = {}
        self._events: list[Row] = []  # of the open transaction
        self._marks: list[int] = []
        self._answer: Any = None

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> TablesConnection:
        self._answer = _STATEMENTS[sql](self, **(params or {}))
        return self

    def fetchall(self) -> Any:
        return self._answer

    def to_arrow_table(self) -> Any:
        return self._answer

    def register(self, name: str, table: pa.Table) -> None:
        self._inputs[name] = table

    def unregister(self, name: str) -> None:
        del self._inputs[name]

    def begin(self) -> None:
        self._events, self._marks = [], []

    def commit(self) -> None:
        self._tables.events += self._events
        self._tables.marks += self._marks
        self.begin()

    rollback = begin

    def high_water_mark(self) -> list[tuple[int]]:
        return [(max(self._tables.marks + self._marks, default=0),)]

    def hashed(self) -> pa.Table:
        rows = self._incoming()
        numbers = {each: number for number, each in enumerate(dict.fromkeys(map(_id_of, rows)))}
        return pa.table(
            {
                "row": pa.array([row["row"] for row in rows], pa.int64()),
                "id_hash": pa.array([numbers[_id_of(row)] for row in rows], pa.uint64()),
            }
        )

    def suspects(self) -> pa.Table:
        ids = Counter(map(_id_of, self._incoming()))
        again = ids.keys() & set(map(_id_of, self._all_events()))
        again |= {each for each, count in ids.items() if count > 1}
        rows = [{"tenant_id": tenant, "event_id": event} for tenant, event in sorted(again)]
        return pa.Table.from_pylist(rows, schema=STORED_SCHEMA)

    def stored(self) -> pa.Table:
        wanted = set(map(_id_of, self._inputs["suspect"].to_pylist()))
        rows = [row for row in self._all_events() if _id_of(row) in wanted]
        return pa.Table.from_pylist(rows, schema=STORED_SCHEMA)

    def verdicts(self) -> pa.Table:
        first: dict[tuple[str, str], Row] = {}
        for row in self._inputs["stored"].to_pylist():
            first[_id_of(row)] = row
        rows = []
        for row in self._incoming():
            earlier = first.setdefault(_id_of(row), row)
            if earlier is row:
                continue
            differs = [name for name in EVENT_SCHEMA.names[1:] if row[name] != earlier[name]]
            clash = "attributes" in differs
            rows.append(
                {
                    "row": row["row"],
                    "event_id": row["event_id"],
                    "differs": differs,
                    "attributes": row["attributes"] if clash else None,
                    "first_attributes": earlier["attributes"] if clash else None,
                }
            )
        return pa.Table.from_pylist(rows, schema=VERDICT_SCHEMA)

    def insert_events(self) -> None:
        refused = set(self._inputs["verdict"]["row"].to_pylist())
        self._events += [
            {name: row[name] for name in STORED_SCHEMA.names}
            for row in self._incoming()
            if row["row"] not in refused
        ]

    def advance_mark(self, position: int) -> None:
        self._marks.append(position)

    def nothing(self) -> None:
        """Sums of what was stored: made from the events once somebody reads them."""

    def _incoming(self) -> list[Row]:
        rows: list[Row] = self._inputs["incoming"].to_pylist()
        return rows

    def _all_events(self) -> list[Row]:
        return self._tables.events + self._events


def _id_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["tenant_id"], row["event_id"]


_STATEMENTS: dict[str, Callable[..., Any]] = {
    "begin": TablesConnection.begin,
    "commit": TablesConnection.commit,
    statement("high_water_mark"): TablesConnection.high_water_mark,
    statement("suspects"): TablesConnection.suspects,
    statement("stored"): TablesConnection.stored,
    statement("verdicts"): TablesConnection.verdicts,
    statement("insert_events"): TablesConnection.insert_events,
    statement("hashed").format(row_hash=ROW_HASH): TablesConnection.hashed,
    statement("totals").format(checksum=sum_of("row_hash")): TablesConnection.nothing,
    statement("insert_batch"): TablesConnection.nothing,
    statement("insert_checksum"): TablesConnection.nothing,
    statement("advance_mark"): TablesConnection.advance_mark,
}
