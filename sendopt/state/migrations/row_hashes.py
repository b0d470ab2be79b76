"""Gives rows that have none their hash: as they are now, whatever they were before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from sendopt.state.row_hash import as_stored, digest, text_of

_ROWS_AT_ONCE = 10_000

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "": sa.Text(),
    "i": sa.BigInteger(),
    "f": sa.Float(),
    "b": sa.Boolean(),
    "j": sa.JSON(),
}


def fill_hashes(name: str, hashed: str) -> None:
    """Hash the rows of a table that have no hash.

    Args:
        name: of the table.
        hashed: the columns that the hash covers, in the order of their names; text, or with ":i"
            a number or an instant, with ":f" a float, with ":b" a boolean, with ":j" JSON.
    """
    kinds = dict(column.partition(":")[::2] for column in hashed.split())
    _fill(name, {column: _TYPES[kind] for column, kind in kinds.items()})


def _fill(name: str, hashed: dict[str, sa.types.TypeEngine[Any]]) -> None:
    tx = op.get_bind()
    # By the place of a row rather than its key, which may be damaged. PostgreSQL puts an updated
    # row further on, so those that have their hash are passed over.
    place, kind, last = ("rowid", "integer", "-1")
    if tx.dialect.name == "postgresql":
        place, kind, last = ("ctid", "tid", "(0,0)")
    table = sa.table(name, *(sa.column(each, of_type) for each, of_type in hashed.items()))
    rows = (
        sa.select(
            sa.literal_column(f"cast({place} as text)"),
            *(as_stored(tx, table.c[each]) for each in hashed),
        )
        .select_from(table)
        .where(sa.text(f"row_hash is null and {place} > cast(:last as {kind})"))
        .order_by(sa.text(place))
        .limit(_ROWS_AT_ONCE)
    )
    update = sa.text(
        f"update {name} set row_hash = :row_hash where {place} = cast(:at as {kind})"  # noqa: S608
    )
    while found := tx.execute(rows, {"last": last}).all():
        tx.execute(update, [{"at": at, "row_hash": _hash(hashed, row)} for at, *row in found])
        last = found[-1][0]


def _hash(hashed: Iterable[str], row: Sequence[object]) -> bytes:
    return digest(dict(zip(hashed, map(text_of, row), strict=True)))
