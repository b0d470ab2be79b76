"""Compares every row with the hash that it got when it was inserted."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from sendopt.state.row_hash import ROW_HASH, as_stored, digest, hashed_columns, text_of
from sendopt.state.rows import raw, raw_key, violation_at
from sendopt.state.transaction import FleetRead
from sendopt.state.violation import Violation

_ROWS_AT_ONCE = 10_000


def changed(tx: FleetRead, table: sa.Table) -> Iterator[Violation]:
    """Yield the rows of `table` of which a column that never changes is not what was inserted."""
    columns = hashed_columns(table)
    if not columns:
        return
    names = [column.name for column in columns]
    query = sa.select(
        *(as_stored(tx.connection, column).label(column.name) for column in columns),
        raw(tx, table.c[ROW_HASH]).label(ROW_HASH),
        *raw_key(tx, table),
    )
    for row in tx.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        if row.row_hash is None:
            what = "it has no hash: damaged, or inserted by another release or by hand"
        elif digest(dict(zip(names, map(text_of, row), strict=False))) != row.row_hash:
            what = f"one of {', '.join(names)} or {ROW_HASH} is not what was inserted"
        else:
            continue
        yield violation_at(table, row, what, rule="row_unchanged")
