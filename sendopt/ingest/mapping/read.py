"""Turns a vendor's tables into chunks of the Event contract, column by column."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Names
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.errors import InvalidInput
from sendopt.ingest.further import with_attributes
from sendopt.ingest.mapping.grammar import FILE, EventRule, Mapping, parts, split
from sendopt.ingest.mapping.tables import VendorTable, reader_of
from sendopt.ingest.mapping.times import instants
from sendopt.ingest.raw import CONTRACT_COLUMNS, REQUIRED_COLUMNS, Chunk, Finding, Options
from sendopt.text import quoted


def require_mappable(path: Path, mapping: Mapping) -> None:
    """Refuse what no import could begin with.

    Raises:
        InvalidInput: `file_missing`, `file_kind_unknown`, `file_name_unfit`.
    """
    reader_of(path)
    mapping.from_name(path.absolute().as_posix())


def mapped_chunks(path: Path, mapping: Mapping, options: Options) -> Iterator[Chunk]:
    """Yield the events that the rows of `path` give; each keeps the number of its row.

    A row that gives none is handed on as unreadable, with the reason.

    Raises:
        InvalidInput: as `require_mappable`; `missing_field`, if the file lacks a column without
            which it is not of the mapping's kind; `malformed_file`.
    """
    whole_path = path.absolute().as_posix()
    said = mapping.from_name(whole_path)
    rows_must_say = said is None
    wanted = mapping.read_columns()
    for table in reader_of(path)(path, wanted, options):
        if len(table.numbers):
            if rows_must_say and mapping.file_name_column not in table.names:
                raise mapping.unfit(whole_path)
            rows_must_say = False
            _require(path.name, table, mapping)
        for chunk in _chunks(_Row(table, _said(table, mapping, said or {})), mapping):
            yield replace(chunk, looked_for=wanted, vendor_names=table.names)


def _require(source: str, table: VendorTable, mapping: Mapping) -> None:
    lacking = [name for name in mapping.required if name not in table.names]
    if lacking:
        raise InvalidInput(
            f"{source} has no column {', '.join(lacking)}",
            code="missing_field",
            field=lacking[0],
            expected=f"the columns {', '.join(mapping.required)}",
            hint=f"it has {', '.join(sorted(table.names)) or 'none of those that are read'}",
        )


def _said(table: VendorTable, mapping: Mapping, by_name: Names[str, str]) -> dict[str, pa.Array]:
    """Return what the rows themselves say, where they do, else what the file's name says."""
    size = len(table.numbers)
    said = {name: pa.repeat(pa.scalar(text), size) for name, text in by_name.items()}
    column = mapping.file_name_column
    if mapping.file_name is None or column not in table.columns.column_names:
        return said
    found = pc.extract_regex(table.columns[column].combine_chunks(), mapping.file_name)
    for field in found.type:
        own = pc.struct_field(found, field.name)
        name = f"{FILE}{field.name}"
        said[name] = pc.coalesce(own, said[name]) if name in said else own
    return said


class _Row:
    """The columns of a table, what is said of its rows, and nulls for all others."""

    def __init__(self, table: VendorTable, said: Names[str, pa.Array]) -> None:
        self.table = table
        self._said = said
        self.size = len(table.numbers)

    def column(self, name: str) -> pa.Array:
        if name in self._said:
            return self._said[name]
        if name not in self.table.columns.column_names:
            return pa.nulls(self.size, pa.string())
        found = self.table.columns[name]
        if isinstance(found, pa.ChunkedArray):
            found = found.combine_chunks() if found.num_chunks != 1 else found.chunk(0)
        return found

    def filled(self, alternatives: list[str]) -> pa.Array:
        """Return the first alternative of which no column is null."""
        return pc.coalesce(*(self._fill(each) for each in alternatives))

    def _fill(self, template: str) -> pa.Array:
        pieces = [
            self.column(piece) if is_column else pa.scalar(piece)
            for piece, is_column in split(template)
        ]
        if all(isinstance(piece, pa.Scalar) for piece in pieces):
            return pa.repeat(pa.scalar(template), self.size)
        return pc.binary_join_element_wise(*pieces, "")

    def fits(self, rule: EventRule) -> np.ndarray:
        """Say of each row whether it gives the event."""
        found = np.asarray(self.column(rule.occurred_at).is_valid())
        for name, wanted in rule.when.items():
            column = self.column(name)
            if isinstance(wanted, bool):
                found &= np.asarray(column.is_valid()) == wanted
            else:
                found &= np.asarray(pc.is_in(column, value_set=pa.array(wanted, pa.string())))
        return found


def _chunks(row: _Row, mapping: Mapping) -> Iterator[Chunk]:
    given = np.zeros(row.size, np.bool_)
    chunks = []
    for rule in mapping.event:
        fits = row.fits(rule)
        given |= fits
        if fits.any():
            chunks.append(_chunk(row, mapping, rule, fits))
    unreadable = [*row.table.unreadable, *_useless(row, mapping, ~given)]
    if not chunks or unreadable:
        yield Chunk(
            rows=pa.table({name: pa.array([], pa.string()) for name in REQUIRED_COLUMNS}),
            numbers=pa.array([], pa.int64()),
            unreadable=tuple(unreadable),
            names=frozenset(REQUIRED_COLUMNS),
        )
    yield from chunks


def _chunk(row: _Row, mapping: Mapping, rule: EventRule, fits: np.ndarray) -> Chunk:
    templates = mapping.templates(rule)
    columns = {name: row.filled(each) for name, each in templates.items()}
    columns["event_type"] = pa.repeat(pa.scalar(rule.event_type.value), row.size)
    mask = pa.array(fits)
    times, faults = instants(row.column(rule.occurred_at).filter(mask), mapping.time)
    chunk = Chunk(
        rows=pa.table(columns).filter(mask).append_column("occurred_at", times),
        numbers=row.table.numbers.filter(mask),
        faults={"occurred_at": faults} if faults else {},
        names=frozenset({*columns, *REQUIRED_COLUMNS}),
        called={
            **{name: _called(each) for name, each in templates.items()},
            "occurred_at": rule.occurred_at,
        },
    )
    further = any(name not in CONTRACT_COLUMNS for name in columns)
    return with_attributes(chunk) if further else chunk


def _called(alternatives: list[str]) -> str:
    """Return the vendor's columns out of which a value is made."""
    names = [part for each in alternatives for part in parts(each)]
    return ", ".join(dict.fromkeys(names))


def _useless(row: _Row, mapping: Mapping, useless: np.ndarray) -> list[Finding]:
    """Say of rows that give no event why not."""
    where = np.flatnonzero(useless)
    if not len(where):
        return []
    looked_at = list(dict.fromkeys(name for rule in mapping.event for name in rule.when))
    times = ", ".join(dict.fromkeys(rule.occurred_at for rule in mapping.event))
    columns = [row.column(name).take(pa.array(where)) for name in looked_at]
    key = pa.repeat(pa.scalar(""), len(where))
    if columns:
        blank = [pc.fill_null(column, "") for column in columns]
        key = pc.binary_join_element_wise(*blank, "\0")
    kinds = key.dictionary_encode()
    _, firsts = np.unique(np.asarray(kinds.indices), return_index=True)
    errors = []
    for first in firsts.tolist():  # one error for all rows in which the same stands
        told = zip(looked_at, (column[first].as_py() for column in columns), strict=True)
        words = ", ".join(f"{name} is {quoted(text)}" for name, text in told if text)
        errors.append(
            InvalidInput(
                f"is no event that the mapping knows: {words or f'nothing in {times}'}",
                code="not_mapped",
                field=", ".join(looked_at) or times,
            )
        )
    numbers = row.table.numbers.take(pa.array(where)).to_pylist()
    return [
        (number, errors[kind])
        for number, kind in zip(numbers, kinds.indices.to_pylist(), strict=True)
    ]
