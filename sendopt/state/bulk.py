"""Writes many rows at once, out of columns that hold what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sendopt.state.transaction import Transaction

#: Rows of a statement: enough to be fast, few enough to stay in memory.
ROWS_AT_ONCE = 5_000

#: Pages that SQLite keeps while many rows come in: with its usual 2 MB it would write and read
#: again those of an index whose keys come in no order. In KiB.
_CACHE_KIB = 64 * 1024


def insert_columns(tx: Transaction, table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows that are new.

    Args:
        tx: the transaction.
        table: where they belong.
        columns: by name, of one length; every value as the database stores it.
    """
    # What is null in all rows need not be told.
    columns = {
        name: column
        for name, column in columns.items()
        if any(value is not None for value in column)
    }
    if not columns:
        return
    names = ", ".join(columns)
    if tx.is_sqlite:
        marks = ", ".join("?" * len(columns))
        insert = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
        _row_by_row(tx.connection, insert, list(columns.values()))
    else:
        # COPY is refused where rows are kept apart by tenant.
        told = _arrays(tx.connection, table, columns)
        insert = f"INSERT INTO {table.name} ({names}) SELECT * FROM {told}"  # noqa: S608
        _as_arrays(tx.connection, insert, list(columns.values()))


def update_columns(tx: Transaction, table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write these columns of rows that are there, which are found by their key.

    Args:
        tx: the transaction.
        table: where they belong.
        columns: by name, the key among them, of one length; every value as it is stored.
    """
    keys = [column.name for column in table.primary_key]
    others = [name for name in columns if name not in keys]
    if tx.is_sqlite:
        changes = ", ".join(f"{name} = ?" for name in others)
        of_row = " AND ".join(f"{name} = ?" for name in keys)
        update = f"UPDATE {table.name} SET {changes} WHERE {of_row}"  # noqa: S608
        _row_by_row(tx.connection, update, [columns[name] for name in (*others, *keys)])
    else:
        changes = ", ".join(f"{name} = told.{name}" for name in others)
        of_row = " AND ".join(f"{table.name}.{name} = told.{name}" for name in keys)
        told = f"{_arrays(tx.connection, table, columns)} AS told({', '.join(columns)})"
        update = f"UPDATE {table.name} SET {changes} FROM {told} WHERE {of_row}"  # noqa: S608
        _as_arrays(tx.connection, update, list(columns.values()))


def _row_by_row(
    connection: sa.Connection, statement: str, columns: Sequence[Sequence[Any]]
) -> None:
    execute = connection.exec_driver_sql
    execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    for at in range(0, len(columns[0]), ROWS_AT_ONCE):
        rows = zip(*(column[at : at + ROWS_AT_ONCE] for column in columns), strict=True)
        execute(statement, list(rows))


def _as_arrays(connection: sa.Connection, statement: str, columns: Sequence[Sequence[Any]]) -> None:
    for at in range(0, len(columns[0]), ROWS_AT_ONCE):
        some = tuple([*column[at : at + ROWS_AT_ONCE]] for column in columns)
        connection.exec_driver_sql(statement, some)


def _arrays(
    connection: sa.Connection, table: sa.Table, columns: Mapping[str, Sequence[Any]]
) -> str:
    types = (table.c[name].type.compile(connection.dialect) for name in columns)
    return f"unnest({', '.join(f'%s::{each}[]' for each in types)})"
