"""Reads files of any columns: tables of text, one column a path such as `device.channel`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sendopt.errors import InvalidInput
from sendopt.ingest.csv import read_table
from sendopt.ingest.emptiness import refuse_empty
from sendopt.ingest.headers import refuse_wide
from sendopt.ingest.jsonl import read_objects
from sendopt.ingest.raw import Finding, Options

_BATCH_ROWS = 250_000
#: Objects that are asked for all their keys, so that a misspelt one can be told what it may mean.
_SHOWN_OBJECTS = 100
#: How JSON of Avro spells a value of a union: {"string": "..."}.
_UNION = frozenset({"boolean", "int", "long", "float", "double", "bytes", "string"})


@dataclass(frozen=True)
class VendorTable:
    """Some rows of a file.

    Attributes:
        columns: text; those of the wanted ones that were seen.
        numbers: of the rows, from 1.
        unreadable: rows that are none.
        names: the columns that were seen; of objects the wanted ones, and all of the first of them.
    """

    columns: pa.Table
    numbers: pa.Array
    unreadable: tuple[Finding, ...]
    names: frozenset[str]


Reader = Callable[[Path, frozenset[str], Options], Iterator[VendorTable]]


def reader_of(path: Path) -> Reader:
    """Return what reads a file by its name.

    Raises:
        InvalidInput: `file_missing`, `file_kind_unknown`, `file_empty`.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}", code="file_missing")
    name = path.name.lower().removesuffix(".gz")
    for suffix, reader in _READERS.items():
        if name.endswith(suffix) and (suffix in _PACKED or not path.name.lower().endswith(".gz")):
            refuse_empty(path)
            return reader
    raise InvalidInput(
        f"{path.name} is of an unknown kind",
        code="file_kind_unknown",
        expected=f"a name that ends in {', '.join(_READERS)}; text also with .gz behind it",
    )


def _csv(path: Path, wanted: frozenset[str], options: Options) -> Iterator[VendorTable]:
    for chunk in read_table(path, options):
        columns = chunk.rows.select([n for n in chunk.rows.column_names if n in wanted])
        yield VendorTable(columns, chunk.numbers, chunk.unreadable, chunk.names)


def _jsonl(path: Path, wanted: frozenset[str], options: Options) -> Iterator[VendorTable]:
    for objects, unreadable in read_objects(path):
        yield _of_objects(objects, wanted, options, unreadable=tuple(unreadable))


def _avro(path: Path, wanted: frozenset[str], options: Options) -> Iterator[VendorTable]:
    import fastavro  # noqa: PLC0415 - costs every import of any file 0.07 s

    done = 0
    try:
        with path.open("rb") as file:
            records = fastavro.reader(file)
            while batch := list(islice(records, _BATCH_ROWS)):
                numbered = enumerate(batch, start=done + 1)
                yield _of_objects(list(numbered), wanted, options)
                done += len(batch)
    except (ValueError, EOFError, KeyError, IndexError, OSError, StopIteration) as error:
        raise InvalidInput(
            f"{path.name} cannot be read as Avro after row {done}: {error}", code="malformed_file"
        ) from error


def _parquet(path: Path, wanted: frozenset[str], options: Options) -> Iterator[VendorTable]:
    done = 0
    try:
        with pq.ParquetFile(path) as file:
            refuse_wide(path.name, len(file.schema_arrow.names))
            names = frozenset(_flat(file.schema_arrow.empty_table()).column_names)
            read = sorted(wanted & names)
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=read):
                table = _flat(pa.Table.from_batches([batch]))
                columns = {name: _as_text(table[name], options) for name in read}
                numbers = pa.array(np.arange(done + 1, done + 1 + batch.num_rows))
                yield VendorTable(pa.table(columns), numbers, (), names)
                done += batch.num_rows
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InvalidInput(
            f"{path.name} cannot be read as Parquet after row {done}: {error}",
            code="malformed_file",
        ) from error


def _flat(table: pa.Table) -> pa.Table:
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _as_text(column: pa.ChunkedArray, options: Options) -> pa.Array:
    """Return values as text: instants in RFC 3339, whole numbers without a point."""
    one = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if pa.types.is_timestamp(one.type):
        text = one.cast(pa.timestamp("us", one.type.tz), safe=False).cast(pa.string())
    elif pa.types.is_floating(one.type):
        text = pa.array([_word(each) for each in one.to_pylist()], pa.string())
    else:
        text = one.cast(pa.string())
    missing = pa.array(["", *options.nulls])
    return pc.if_else(pc.is_in(text, value_set=missing), pa.scalar(None, pa.string()), text)


def _of_objects(
    numbered: Iterable[tuple[int, Any]],
    wanted: frozenset[str],
    options: Options,
    *,
    unreadable: tuple[Finding, ...] = (),
) -> VendorTable:
    paths = {name: name.split(".") for name in sorted(wanted)}
    columns: dict[str, list[str | None]] = {name: [] for name in paths}
    missing = {"", *options.nulls}
    rows: list[int] = []
    shown: set[str] = set()
    for row, given in numbered:
        if len(rows) < _SHOWN_OBJECTS:
            shown |= set(_paths(given))
        rows.append(row)
        for name, keys in paths.items():
            word = _word(_at(given, keys))
            columns[name].append(None if word in missing else word)
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    seen = {name for name, array in arrays.items() if array.null_count < len(array)}
    table = pa.table({name: each for name, each in arrays.items() if name in seen})
    return VendorTable(table, pa.array(rows, pa.int64()), unreadable, frozenset(seen | shown))


def _paths(value: Any, begin: str = "") -> Iterator[str]:
    """Yield the paths that lead to a value within an object."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        one = _without_union(inner)
        if isinstance(one, dict):
            yield from _paths(one, f"{begin}{key}.")
        elif one not in (None, ""):
            yield f"{begin}{key}"


def _at(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = _without_union(value.get(key))
    return value


def _without_union(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        ((kind, inner),) = value.items()
        return inner if kind in _UNION else value
    return value


def _word(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int):
        return str(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return json.dumps(value, ensure_ascii=False, default=str)


_READERS: dict[str, Reader] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _jsonl,
    ".parquet": _parquet,
    ".avro": _avro,
}
_PACKED = {".csv", ".tsv", ".jsonl", ".ndjson", ".json"}
