"""Rows of a file before anybody judged them: the columns of the Event contract, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from sendopt.errors import InvalidInput

#: Columns of the contract that are text, ids included.
TEXT_COLUMNS = (
    "event_id",
    "user_id",
    "event_type",
    "send_id",
    "campaign_id",
    "variant_id",
    "message_type",
    "channel",
    "platform",
    "timezone",
)
CONTRACT_COLUMNS = (*TEXT_COLUMNS, "occurred_at", "propensity", "attributes")
REQUIRED_COLUMNS = ("event_id", "user_id", "event_type", "occurred_at")

REJECTION_SCHEMA = pa.schema(
    [("row", pa.int64()), ("column", pa.string()), ("code", pa.string()), ("reason", pa.string())]
)


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file: those that could be read, and those that could not.

    Attributes:
        rows: a column `row`, and either `line` (a JSON text each) or the contract's columns that
            the file has, with further columns in a struct `extra`.
        rejections: with REJECTION_SCHEMA.
    """

    rows: pa.Table
    rejections: pa.Table

    @property
    def size(self) -> int:
        """How many rows of the file this is."""
        return len(self.rows) + len(self.rejections)


def rejections(found: Iterable[tuple[int, str, str, str]]) -> pa.Table:
    """Return a table of (row, column, code, reason)."""
    keys = REJECTION_SCHEMA.names
    return pa.Table.from_pylist(
        [dict(zip(keys, rejection, strict=True)) for rejection in found], schema=REJECTION_SCHEMA
    )


def require_columns(source: str, names: Sequence[str]) -> None:
    """Check the column names of a file.

    Raises:
        InvalidInput: `missing_field` or `invalid` (a name that stands twice), naming the column.
    """
    for name in REQUIRED_COLUMNS:
        if name not in names:
            raise InvalidInput(
                f"{source} has no column {name}",
                code="missing_field",
                field=name,
                expected=f"the columns {', '.join(REQUIRED_COLUMNS)}",
            )
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(f"{source} has two columns {name}", code="invalid", field=name)


def with_extra(row_numbers: pa.Array, columns: pa.Table) -> pa.Table:
    """Put the columns that the contract does not know into one struct, sorted by name."""
    table = columns.select([name for name in columns.column_names if name in CONTRACT_COLUMNS])
    extra = sorted(name for name in columns.column_names if name not in CONTRACT_COLUMNS)
    if extra:
        flat = columns.select(extra).combine_chunks()
        arrays = [
            column.chunk(0) if column.num_chunks else pa.array([], column.type)
            for column in flat.columns
        ]
        table = table.append_column("extra", pa.StructArray.from_arrays(arrays, names=extra))
    return table.append_column("row", row_numbers)
