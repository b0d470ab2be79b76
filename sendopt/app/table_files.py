"""Tables as CSV and Parquet, piece by piece: no file is ever whole in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sendopt.clock import as_utc
from sendopt.disk import explained

TEXT, WHOLE, INSTANT = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC")

#: What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
#: Rows of a row group: large enough to be compressed well, small enough for any memory.
_ROWS_AT_ONCE = 10_000


class Form(StrEnum):
    """How a table is written."""

    CSV = "csv"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """What HTTP calls it."""
        return "text/csv" if self is Form.CSV else "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Table:
    """Rows in batches, each once; whoever reads on makes the next ones."""

    name: str
    columns: Sequence[tuple[str, pa.DataType]]
    batches: Iterator[Sequence[Sequence[Any]]]


def written(table: Table, form: Form) -> Iterator[bytes]:
    """Yield a file of the table, piece by piece; every file has at least one.

    In CSV an instant is ISO 8601 in UTC, nothing is empty, and a text that a spreadsheet would
    work out has an apostrophe before it. Parquet holds every value as it is.
    """
    return _csv(table) if form is Form.CSV else _parquet(table)


def write(table: Table, form: Form, path: Path) -> int:
    """Write a file of the table in the place of the one at `path`, and return how many rows it has.

    Raises:
        StoreFailure: `disk_full`, `disk_failed`; the file that was there then stays.
    """
    rows = 0

    def counted() -> Iterator[Sequence[Sequence[Any]]]:
        nonlocal rows
        for batch in table.batches:
            rows += len(batch)
            yield batch

    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        with explained("export"), unfinished.open("wb") as file:
            for piece in written(replace(table, batches=counted()), form):
                file.write(piece)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return rows


def _csv(table: Table) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    rows.writerow([name for name, _ in table.columns])
    for batch in table.batches:
        rows.writerows([_cell(value) for value in row] for row in batch)
        yield _taken(text)
    yield _taken(text)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, datetime):
        return as_utc(value).isoformat().replace("+00:00", "Z")
    return value


def _taken(text: io.StringIO) -> bytes:
    """Return what was written since the last time."""
    found = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return found


class _Pieces(io.RawIOBase):
    """A file that only grows, whose bytes somebody takes away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def take(self) -> bytes:
        """Return what was written since the last time."""
        found, self._parts = b"".join(self._parts), []
        return found


def _parquet(table: Table) -> Iterator[bytes]:
    schema = pa.schema(list(table.columns))
    pieces = _Pieces()
    with pq.ParquetWriter(pieces, schema, compression="zstd") as file:
        for rows in _regrouped(table.batches):
            values = zip(*rows, strict=True)
            arrays = [
                pa.array(column, kind)
                for column, (_, kind) in zip(values, table.columns, strict=True)
            ]
            file.write_table(pa.table(arrays, schema=schema))
            yield pieces.take()
    yield pieces.take()


def _regrouped(batches: Iterator[Sequence[Sequence[Any]]]) -> Iterator[list[Sequence[Any]]]:
    rows: list[Sequence[Any]] = []
    for batch in batches:
        rows += batch
        if len(rows) >= _ROWS_AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows
