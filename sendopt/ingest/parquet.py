"""Reads Parquet, whose columns have types: a type that loses meaning is refused, never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sendopt.errors import InvalidInput
from sendopt.ingest.raw import TEXT_COLUMNS, Chunk, rejections, require_columns, with_extra

#: Rows read in one go; bounds the memory of an import.
_BATCH_ROWS = 250_000


def read_parquet(path: Path) -> Iterator[Chunk]:
    """Yield the rows of `path`; `row` counts them from 1.

    Raises:
        InvalidInput: if it is no Parquet, lacks a column, or a column's type cannot be trusted.
            Damage that shows only in mid-file is reported with the rows read before it.
    """
    done = 0
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            require_columns(path.name, schema.names)
            for field in schema:
                _check_type(path.name, field)
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                yield _chunk(pa.Table.from_batches([batch]), done)
                done += len(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InvalidInput(
            f"{path.name} cannot be read as Parquet after row {done}: {error}",
            code="malformed_file",
        ) from error


def _check_type(source: str, field: pa.Field) -> None:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_null(kind) or _is_text(kind):
        return
    if field.name in TEXT_COLUMNS and not pa.types.is_integer(kind):
        raise _wrong_type(source, field, "text", "write the column as text")
    if field.name == "propensity" and not (
        pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)
    ):
        raise _wrong_type(source, field, "a number", "write the column as a double")
    if field.name == "attributes" and not (pa.types.is_struct(kind) or pa.types.is_map(kind)):
        raise _wrong_type(source, field, "JSON text, a struct or a map", "write it as JSON text")
    if field.name == "occurred_at":
        _check_time(source, field)


def _check_time(source: str, field: pa.Field) -> None:
    if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
        raise InvalidInput(
            f"{source} has numbers ({field.type}) as times, whose unit nobody can know",
            code="time_unit_suspect",
            field=field.name,
            expected="a timestamp with a zone",
            hint="convert the column, in pandas: pd.to_datetime(column, unit=..., utc=True)",
        )
    if not pa.types.is_timestamp(field.type) or field.type.tz is None:
        raise InvalidInput(
            f"{source} has times without a zone ({field.type})",
            code="time_invalid",
            field=field.name,
            expected="a timestamp with a zone",
            hint='give the column its zone, in pandas: column.dt.tz_localize("UTC")',
        )


def _wrong_type(source: str, field: pa.Field, expected: str, hint: str) -> InvalidInput:
    return InvalidInput(
        f"{source} has the type {field.type} here",
        code="wrong_type",
        field=field.name,
        expected=expected,
        hint=hint,
    )


def _chunk(table: pa.Table, done: int) -> Chunk:
    rows = np.arange(done + 1, done + 1 + len(table))
    not_text = np.zeros(len(table), dtype=np.bool_)
    refused = []
    for name in table.column_names:
        for index in _not_utf8(table[name]):
            if not not_text[index]:
                refused.append((int(rows[index]), name, "text_invalid", "is not UTF-8"))
                not_text[index] = True
    if refused:
        table = table.filter(pa.array(~not_text))
    columns = {field.name: _as_contract(field.name, table[field.name]) for field in table.schema}
    return Chunk(
        rows=with_extra(pa.array(rows[~not_text]), pa.table(columns)),
        rejections=rejections(refused),
    )


def _as_contract(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if name in TEXT_COLUMNS:
        return column.cast(pa.string())
    if name == "occurred_at" and pa.types.is_timestamp(column.type):
        # The log keeps microseconds; finer parts are cut off.
        return pc.cast(
            column,
            options=pc.CastOptions(pa.timestamp("us", tz="UTC"), allow_time_truncate=True),
        )
    return column


def _not_utf8(column: pa.ChunkedArray) -> list[int]:
    if not _is_text(column.type):
        return []
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        texts = column.cast(pa.large_binary()).to_pylist()
        return [index for index, text in enumerate(texts) if text and not _decodes(text)]
    return []


def _decodes(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )
