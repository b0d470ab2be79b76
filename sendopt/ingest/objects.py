"""Turns JSON objects, one an event, into columns: lines of a file, items of a request."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from sendopt.errors import InvalidInput
from sendopt.ingest import attributes
from sendopt.ingest.columns import Faults
from sendopt.ingest.fields import as_text
from sendopt.ingest.headers import did_you_mean, near_misses
from sendopt.ingest.raw import (
    CONTRACT_COLUMNS,
    DEFAULTS,
    NEEDED_COLUMNS,
    REQUIRED_COLUMNS,
    TEXT_COLUMNS,
    Chunk,
    Finding,
    Options,
)
from sendopt.records import CAUSED_BY_SEND
from sendopt.text import quoted

_CONTRACT = frozenset(CONTRACT_COLUMNS)
_SURROGATE = re.compile("[\ud800-\udfff]")


def chunk_of(
    numbered: Iterable[tuple[int, Mapping[str, Any]]],
    *,
    unreadable: Iterable[Finding] = (),
    options: Options = DEFAULTS,
) -> Chunk:
    """Return the objects as a chunk.

    Args:
        numbered: the number of the row that each object is, and the object.
        unreadable: rows that are no objects.
        options: which texts are missing values, and which keys are left out.
    """
    collected = _Collected(options)
    for row, item in numbered:
        collected.add(row, item)
    return collected.chunk(tuple(unreadable))


class _Collected:
    """Columns that grow by an object at a time."""

    def __init__(self, options: Options) -> None:
        self._ignored = options.ignored
        self._missing = {"", *options.nulls}
        self._numbers: list[int] = []
        self._columns: dict[str, list[str | None]] = {name: [] for name in CONTRACT_COLUMNS}
        self._faults: defaultdict[str, Faults] = defaultdict(dict)
        self._dropped: list[Finding] = []
        self._names = set[str]()
        self._near_misses: dict[str, str] = {}

    def add(self, number: int, given: Mapping[str, Any]) -> None:
        position = len(self._numbers)
        self._numbers.append(number)
        self._names.update(given)
        item = {
            name: value
            for name, value in given.items()
            if not (isinstance(value, str) and value in self._missing) and name not in self._ignored
        }
        for name in (*TEXT_COLUMNS, "occurred_at", "propensity"):
            try:
                self._columns[name].append(_cell(name, item.get(name)))
            except InvalidInput as error:
                self._refuse(name, position, error)
        near = near_misses(tuple(item))
        self._near_misses |= near
        for name, instead in near.items():
            if instead in _needed(item):
                self._faults[instead][position] = _is_called(name, instead)
        further = {name: value for name, value in item.items() if name not in _CONTRACT}
        try:
            text, lost = attributes.merge(item.get("attributes"), further)
        except InvalidInput as error:
            self._refuse("attributes", position, error)
        else:
            self._columns["attributes"].append(text)
            self._dropped += [(number, each) for each in lost]

    def _refuse(self, name: str, position: int, error: InvalidInput) -> None:
        self._columns[name].append(None)
        self._faults[name][position] = error

    def chunk(self, unreadable: tuple[Finding, ...]) -> Chunk:
        columns = {name: pa.array(each, pa.string()) for name, each in self._columns.items()}
        return Chunk(
            rows=pa.table(columns),
            numbers=pa.array(self._numbers, pa.int64()),
            unreadable=unreadable,
            faults=self._faults,
            dropped=tuple(self._dropped),
            names=frozenset(self._names - self._ignored),
            near_misses=self._near_misses,
        )


def as_object(value: Any) -> dict[str, Any]:
    """Return `value`, a row of a file or an item of a request, if it is a JSON object.

    Raises:
        InvalidInput: `wrong_type`.
    """
    if not isinstance(value, dict):
        raise InvalidInput(
            f"{quoted(value)} is no JSON object", code="wrong_type", expected="a JSON object"
        )
    return value


def _needed(item: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns without which `item` is no event."""
    caused = isinstance(kind := item.get("event_type"), str) and kind in CAUSED_BY_SEND
    return NEEDED_COLUMNS if caused else REQUIRED_COLUMNS


def _is_called(name: str, instead: str) -> InvalidInput:
    return InvalidInput(
        f"is missing, and there is {quoted(name)}",
        code="missing_field",
        expected="a value in every row",
        hint=did_you_mean(instead),
    )


def _cell(name: str, value: Any) -> str | None:
    """Return a value of the contract as text."""
    if value is None:
        return None
    if isinstance(value, str):
        # A lone surrogate is half a character: what it was is lost.
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    if name in TEXT_COLUMNS:
        return as_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    raise InvalidInput(
        f"{quoted(value)} is neither text nor a number",
        code="wrong_type",
        expected="a timestamp with a zone" if name == "occurred_at" else "a number",
    )
