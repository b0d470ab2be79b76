"""The hash that a row carries of its columns that never change after its insert.

It is taken from the values as they are given to an INSERT, in one place for all of them, and again
from what is stored. Both come to the same text, whose form is fixed: a line for every column
that is not null, in the order of their names, with the name and the value. A text stands behind
its length in characters, a number in decimal, a float in the shortest form that reads back as it,
an instant in microseconds since 1970, JSON as the text that is stored, bytes as the text of their
hexadecimal digits, true as 1. The hash is
BLAKE2b of that in UTF-8, 16 bytes long. So a column that is added, and null in older rows, leaves
their hashes as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from sendopt.state.instant import Instant, microseconds
from sendopt.state.json_text import json_text

#: The column that holds it.
ROW_HASH = "row_hash"
_BYTES = 16


def row_hash(*, apart_from: tuple[str, ...] = ()) -> sa.Column[bytes]:
    """Return the column for the hash, which every INSERT into its table fills by itself.

    Args:
        apart_from: the columns of the table that change, or are given by the database.
    """

    def of_insert(context: Any) -> bytes:  # SQLAlchemy has no type for what it gives to a default
        return hash_of(column.table, context.get_current_parameters())

    column: sa.Column[bytes] = sa.Column(
        ROW_HASH,
        sa.LargeBinary(_BYTES),
        default=of_insert,
        info={"apart_from": frozenset(apart_from)},
    )
    return column


@cache
def hashed_columns(table: sa.Table) -> tuple[sa.Column[Any], ...]:
    """Return the columns of a table that its hash covers, by name; () = it has no hash."""
    if ROW_HASH not in table.c:
        return ()
    left_out = table.c[ROW_HASH].info["apart_from"] | {ROW_HASH}
    return tuple(sorted((c for c in table.c if c.name not in left_out), key=lambda c: c.name))


def hash_of(table: sa.Table, values: Mapping[str, Any]) -> bytes:
    """Return the hash of a row with these values, as the code knows them."""
    return digest(
        {
            name: value if stored is None else stored(value)
            for name, stored in _storers(table)
            if (value := values.get(name)) is not None
        }
    )


def hashes_of(table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> list[bytes]:
    """Return the hashes of many rows, as `digest` would one by one.

    Args:
        table: where they belong.
        columns: all that the hash covers, by name; every value as it is stored.
    """
    lines = [
        _lines(column, columns[column.name])
        for column in hashed_columns(table)
        if column.name in columns
    ]
    return [_hash("".join(row)) for row in zip(*lines, strict=True)]


def _lines(column: sa.Column[Any], values: Sequence[Any]) -> Iterable[str]:
    """Return the line of each value, and its end; empty where it is null."""
    name, of_type = column.name, column.type
    if isinstance(of_type, sa.LargeBinary):
        values = [None if value is None else value.hex() for value in values]
    is_text = isinstance(of_type, sa.Text | sa.JSON | sa.LargeBinary)
    is_float = isinstance(of_type, sa.Float)

    def line(value: Any) -> str:
        if value is None:
            return ""
        if is_text:
            return f"{name} {len(value)} {value}\n"
        return f"{name} {value + 0.0!r}\n" if is_float else f"{name} {value:d}\n"

    few = set(values)
    if len(few) > len(values) / 2:
        return [line(value) for value in values]
    known = {value: line(value) for value in few}
    return [known[value] for value in values]


def digest(stored: Mapping[str, str | float | None]) -> bytes:
    """Return the hash of the columns of one row as they are stored, in the order of their names."""
    lines = [
        f"{name} {len(value)} {value}\n"
        if isinstance(value, str)
        else f"{name} {value + 0.0!r}\n"  # SQLite makes 0.0 of -0.0
        if isinstance(value, float)
        else f"{name} {value:d}\n"
        for name, value in stored.items()
        if value is not None
    ]
    return _hash("".join(lines))


def _hash(lines: str) -> bytes:
    """Return the hash of lines, each of which has its end."""
    return blake2b(lines[:-1].encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()


def as_stored(connection: sa.Connection, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a column as the database holds it, which `text_of` reads whatever it holds."""
    plain: sa.ColumnElement[Any] = sa.type_coerce(column, sa.types.NullType())
    if isinstance(column.type, sa.LargeBinary):
        if connection.dialect.name == "sqlite":
            return sa.case((plain.is_not(None), sa.func.lower(sa.func.hex(plain))))
        return sa.func.encode(plain, "hex")
    if connection.dialect.name != "sqlite":
        return sa.cast(plain, sa.Text) if isinstance(column.type, sa.JSON) else plain
    text = sa.cast(plain, sa.LargeBinary)  # a driver would stumble over what is no UTF-8
    if isinstance(column.type, sa.Text | sa.JSON):
        return text
    # Another CAST would round a float; and a damaged row may hold text instead of a number.
    return sa.case((sa.func.typeof(plain) == "text", text), else_=plain)


def text_of(stored: Any) -> Any:
    """Return bytes as the text that they hold, well or badly, and anything else as it is."""
    return stored.decode("utf-8", "surrogateescape") if isinstance(stored, bytes) else stored


@cache
def _storers(table: sa.Table) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """Return of each hashed column what makes a value of it the one that is stored."""
    return tuple((column.name, _storer(column)) for column in hashed_columns(table))


def _storer(column: sa.Column[Any]) -> Callable[[Any], Any] | None:
    for kind, store in _KINDS:
        if isinstance(column.type, kind):
            return store
    raise NotImplementedError(f"no form for hashing is fixed for {column.type!r} ({column})")


_KINDS: tuple[tuple[type[sa.types.TypeEngine[Any]], Callable[[Any], Any] | None], ...] = (
    (sa.Text, None),
    (sa.Integer, None),  # BigInteger too
    (sa.Boolean, None),
    (sa.Float, float),
    (Instant, microseconds),
    (sa.JSON, json_text),
    (sa.LargeBinary, bytes.hex),
)
