"""Reads Parquet, whose columns have types: a type that loses meaning is refused, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sendopt.clock import zone_names
from sendopt.errors import InvalidInput
from sendopt.ingest.arrow_json import as_words, is_text, is_uuid, plain
from sendopt.ingest.columns import Faults, one_array
from sendopt.ingest.fields import read_instant
from sendopt.ingest.further import with_attributes
from sendopt.ingest.headers import check_columns, refuse_wide
from sendopt.ingest.instants import as_instants
from sendopt.ingest.raw import CONTRACT_COLUMNS, TEXT_COLUMNS, Chunk, Finding, Options

#: Rows read in one go; bounds the memory of an import.
_BATCH_ROWS = 250_000

#: How Arrow spells a zone that has no name.
_OFFSET = re.compile(r"[+-]\d\d:?\d\d")

#: Columns without which an event is none: a type that cannot be trusted refuses the file.
_DECISIVE = frozenset({"event_id", "user_id", "event_type", "occurred_at", "send_id"})


def read_parquet(path: Path, options: Options) -> Iterator[Chunk]:
    """Yield the rows of `path`; `row` counts them from 1.

    Raises:
        InvalidInput: if it is no Parquet, lacks a column, or the type of a required column cannot
            be trusted. Damage that shows only in mid-file is reported with the rows read before it.
    """
    done = 0
    try:
        with pq.ParquetFile(path) as file:
            refuse_wide(path.name, len(file.schema_arrow.names))
            names = [name for name in file.schema_arrow.names if name not in options.ignored]
            check_columns(path.name, names)
            lost = _untrusted(path.name, file.schema_arrow, names, _first_time(file))
            names = [name for name in names if name not in lost]
            dropped = tuple((0, error) for error in lost.values())
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names):
                chunk = _chunk(pa.Table.from_batches([batch]), done, options)
                yield replace(chunk, dropped=(*dropped, *chunk.dropped))
                dropped = ()
                done += len(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InvalidInput(
            f"{path.name} cannot be read as Parquet after row {done}: {error}",
            code="malformed_file",
        ) from error


def _untrusted(
    source: str, schema: pa.Schema, names: list[str], first_time: object
) -> dict[str, InvalidInput]:
    """Return the optional columns whose types cannot be trusted, and what is wrong with them."""
    lost: dict[str, InvalidInput] = {}
    for name in names:
        try:
            _check_type(source, schema.field(name), first_time)
        except InvalidInput as error:
            if name in _DECISIVE:
                raise
            lost[name] = error
    return lost


def _check_type(source: str, field: pa.Field, first_time: object) -> None:
    kind = _plain_type(field.type)
    if pa.types.is_null(kind) or is_text(kind):
        return
    if field.name in TEXT_COLUMNS and not (
        pa.types.is_integer(kind)
        or (pa.types.is_decimal(kind) and kind.scale == 0)
        or is_uuid(field.type)
    ):
        hint = "write the column as text"
        if pa.types.is_floating(kind):
            hint = 'floats lose digits; in pandas: column.astype("Int64").astype("string")'
        raise _wrong_type(source, field, "text", hint)
    if field.name == "propensity" and not _is_number(kind):
        raise _wrong_type(source, field, "a number", "write the column as a double")
    if field.name == "attributes" and not (pa.types.is_struct(kind) or pa.types.is_map(kind)):
        raise _wrong_type(source, field, "JSON text, a struct or a map", "write it as JSON text")
    if field.name == "occurred_at":
        _check_time(source, field, first_time)


def _check_time(source: str, field: pa.Field, first_time: object) -> None:
    if _is_number(field.type):
        raise InvalidInput(
            f"{source} has numbers ({field.type}) as times, whose unit nobody can know",
            code="time_unit_suspect",
            field=field.name,
            expected="a timestamp with a zone",
            hint="convert the column, in pandas: pd.to_datetime(column, unit=..., utc=True)"
            + _guess(first_time),
        )
    if not pa.types.is_timestamp(field.type) or not _is_zone(field.type.tz):
        raise InvalidInput(
            f"{source} has times without a zone that is known ({field.type})",
            code="time_invalid",
            field=field.name,
            expected="a timestamp with a zone",
            hint='give the column its zone, in pandas: column.dt.tz_localize("UTC")',
        )


def _guess(first_time: object) -> str:
    try:
        read_instant(str(first_time))
    except InvalidInput as error:
        return f"; {first_time} {error.hint}" if error.hint else ""
    return ""


def _first_time(file: pq.ParquetFile) -> object:
    """Return the first value of `occurred_at` if it is a number, for a message."""
    schema = file.schema_arrow
    if "occurred_at" not in schema.names or not _is_number(schema.field("occurred_at").type):
        return None
    for batch in file.iter_batches(batch_size=1000, columns=["occurred_at"]):
        found = batch.column(0).drop_null()
        return found[0].as_py() if len(found) else None
    return None


def _wrong_type(source: str, field: pa.Field, expected: str, hint: str) -> InvalidInput:
    return InvalidInput(
        f"{source} has the type {field.type} here",
        code="wrong_type",
        field=field.name,
        expected=expected,
        hint=hint,
    )


def _chunk(table: pa.Table, done: int, options: Options) -> Chunk:
    columns: dict[str, pa.Array] = {}
    faults: dict[str, Faults] = {}
    dropped: list[Finding] = []
    for name in table.column_names:
        column = one_array(table[name])
        if name == "occurred_at" and pa.types.is_timestamp(column.type):
            columns[name], faults[name] = as_instants(column)
            continue
        try:
            columns[name] = _without_nulls_in_words(_as_contract(name, column), options)
        except (pa.ArrowException, ValueError) as error:
            dropped.append((0, _untold(name, column.type, error)))
    chunk = Chunk(
        rows=pa.table(columns),
        numbers=pa.array(np.arange(done + 1, done + 1 + len(table))),
        faults=faults,
        dropped=tuple(dropped),
        names=frozenset(table.column_names),
    )
    return with_attributes(chunk)


def _untold(name: str, kind: pa.DataType, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"nothing can be kept of a column of the type {kind}: {error}",
        code="wrong_type",
        field=name,
        expected="text, numbers, instants, or structs and lists of them",
    )


def _as_contract(name: str, column: pa.Array) -> pa.Array:
    """Return a column as the contract has it; a further one as text, where it has no JSON form."""
    column = plain(column)
    kind = column.type
    if is_text(kind) or name in TEXT_COLUMNS:
        return as_words(column)
    if kind == pa.float16():
        return column.cast(pa.float32())
    is_kept = name in CONTRACT_COLUMNS or any(is_one(kind) for is_one in _JSON_KINDS)
    return column if is_kept else as_words(column)


_JSON_KINDS = (
    pa.types.is_nested,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_null,
)


def _without_nulls_in_words(column: pa.Array, options: Options) -> pa.Array:
    """Put null for empty text, and for what `options` says means nothing."""
    if not pa.types.is_string(column.type):
        return column
    nulls = pa.array(["", *options.nulls])
    if not options.nulls:
        lengths = pc.binary_length(column)
        if not pc.any(pc.equal(lengths, 0)).as_py():
            return column
    return pc.if_else(pc.is_in(column, value_set=nulls), pa.scalar(None, pa.string()), column)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _is_zone(name: str | None) -> bool:
    return name is not None and (name in zone_names() or bool(_OFFSET.fullmatch(name)))
