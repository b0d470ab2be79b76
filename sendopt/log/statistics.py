"""Compares the catalog's statistics with what they are of.

A query with a condition passes over each file whose smallest and largest values cannot meet it, and
over everything where those of the whole table cannot: a statistic that was changed hides events
that are there. The footer of a file says the same of it, and its seal tells whether the footer is
what was written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from sendopt.log.location import LogLocation
from sendopt.log.sealing import relative, tenant_of
from sendopt.log.statements import all_rows, statement
from sendopt.records import TenantId

_NUMBERS = {"int32": int, "int64": int, "float64": float}
#: A column that the catalog holds itself, by its type there: in a file numbers may be text.
_INLINED = {
    **dict.fromkeys(("int32", "int64"), 'try_cast("{}" as bigint)'),
    "float64": 'try_cast("{}" as double)',
    "timestamptz": 'cast("{}" as varchar)',
}
_TENANT = "tenant_id"


@dataclass(frozen=True, slots=True)
class Misleading:
    """A column of which the catalog says something else than what is there."""

    file: str | None  # by its name below the folder of the data; None = all rows of the table
    tenant_id: TenantId | None  # of whom some rows are missed; None = the rows are nobody's alone
    table: str
    column: str


@dataclass(slots=True)
class _Held:
    """What a column holds: how often nothing, and between which values everything else lies."""

    rows: int = 0
    nulls: int = 0
    least: Any = None  # None = there is no value, or nobody said
    most: Any = None

    def add(self, rows: int, nulls: int, *bounds: Any) -> None:
        self.rows += rows
        self.nulls += nulls
        known = [each for each in (self.least, self.most, *bounds) if each is not None]
        self.least, self.most = min(known, default=None), max(known, default=None)

    def is_within(self, least: Any, most: Any) -> bool:
        """Tell whether all values lie between these two, of which either may be unknown."""
        begins = least is None or self.least is None or least <= self.least
        return begins and (most is None or self.most is None or most >= self.most)


#: By the number of a table, the name of a column, and of whom the rows are.
_Columns = dict[tuple[int, str], dict[TenantId | None, _Held]]


def misleading(
    connection: duckdb.DuckDBPyConnection,
    lake: str,
    location: LogLocation,
    files: Collection[str],
) -> Iterator[Misleading]:
    """Yield what the catalog says wrongly of these files, and of each table as a whole.

    Args:
        connection: of a reader, in a transaction: all is of one moment.
        lake: what is attached there.
        location: of the log.
        files: their full names; each can be read.

    Raises:
        StoreFailure: if the catalog or a footer cannot be read.
    """
    held: _Columns = defaultdict(lambda: defaultdict(_Held))
    footers = _footers(connection, location, files)
    mine = {"files": [relative(location, file) for file in files]}
    for row in _asked(connection, lake, "file_statistics", params=mine):
        table_id, table, file, column, kind, values, nulls, least, most = row
        if (file, column) not in footers:
            continue
        of_file = _Held()
        for rows, absent, *bounds in footers[file, column]:
            group = rows, absent, *(_value(kind, each) for each in bounds)
            of_file.add(*group)
            held[table_id, column][tenant_of(file)].add(*group)
        counted = (values, nulls) == (of_file.rows - of_file.nulls, of_file.nulls)
        if not counted or not _covers(kind, least, most, of_file):
            yield Misleading(file, tenant_of(file), table, column)
    tables = _asked(connection, lake, "table_statistics")
    _add_inlined(connection, lake, tables, held)
    for table_id, table, column, kind, has_nulls, least, most in tables:
        for tenant_id, theirs in held[table_id, column].items():
            if (theirs.nulls and not has_nulls) or not _covers(kind, least, most, theirs):
                yield Misleading(None, tenant_id, table, column)


def _footers(
    connection: duckdb.DuckDBPyConnection, location: LogLocation, files: Collection[str]
) -> dict[tuple[str, str], list[tuple[int, int, str | None, str | None]]]:
    """Return rows, nulls, least and most of each row group, by file and column."""
    found = defaultdict(list)
    if files:
        for file, column, *group in all_rows(connection, "footers", params={"files": [*files]}):
            found[relative(location, file), column].append(tuple(group))
    return found


def _add_inlined(
    connection: duckdb.DuckDBPyConnection,
    lake: str,
    tables: list[tuple[Any, ...]],
    held: _Columns,
) -> None:
    """Add what the catalog holds itself of each column."""
    for table_id, name in _asked(connection, lake, "inlined_tables"):
        columns = [(column, kind) for owner, _, column, kind, *_ in tables if owner == table_id]
        if not columns:
            continue
        whose = _TENANT if (_TENANT, "varchar") in columns else "null"
        bounds = ", ".join(_bounds(column, kind) for column, kind in columns)
        names = {"table": name, "tenant_id": whose, "bounds": bounds}
        for tenant_id, rows, *found in _asked(connection, lake, "inlined_bounds", **names):
            theirs = _value("varchar", tenant_id)
            for place, (column, kind) in enumerate(columns):
                count, *ends = found[3 * place : 3 * place + 3]
                values = (_value(kind, each) for each in ends)
                held[table_id, column][theirs].add(rows, rows - count, *values)


def _bounds(column: str, kind: str) -> str:
    value = _INLINED.get(kind, '"{}"').format(column)
    return f'count("{column}"), min({value}), max({value})'


def _asked(
    connection: duckdb.DuckDBPyConnection,
    lake: str,
    name: str,
    *,
    params: Mapping[str, Any] | None = None,
    **names: str,
) -> list[tuple[Any, ...]]:
    sql = statement(name).format(metadata=f"__ducklake_metadata_{lake}", **names)
    return all_rows(connection, name, sql, params=params)


def _covers(kind: str, least: str | None, most: str | None, held: _Held) -> bool:
    try:
        return held.is_within(_value(kind, least), _value(kind, most))
    except ValueError:
        return False  # a statistic that is no value of its column


def _value(kind: str, stored: Any) -> Any:
    """Return a bound as it is to be compared: instants are texts of one form, all in UTC."""
    if isinstance(stored, bytes):  # of a text, in PostgreSQL
        return stored.decode("utf-8", "surrogateescape")
    return stored if stored is None else _NUMBERS.get(kind, str)(stored)
