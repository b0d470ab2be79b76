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
from sendopt.ingest.raw import CONTRACT_COLUMNS, DEFAULTS, TEXT_COLUMNS, Chunk, Finding, Options
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
    rows: list[int] = []
    columns: dict[str, list[Any]] = {name: [] for name in CONTRACT_COLUMNS}
    faults: defaultdict[str, Faults] = defaultdict(dict)
    dropped: list[Finding] = []
    names = set[str]()
    missing = {"", *options.nulls}
    for position, (row, given) in enumerate(numbered):
        names.update(given)
        item = {
            name: value
            for name, value in given.items()
            if not (isinstance(value, str) and value in missing) and name not in options.ignored
        }
        rows.append(row)
        for name in (*TEXT_COLUMNS, "occurred_at", "propensity"):
            try:
                columns[name].append(_cell(name, item.get(name)))
            except InvalidInput as error:
                columns[name].append(None)
                faults[name][position] = error
        further = {name: value for name, value in item.items() if name not in _CONTRACT}
        try:
            text, lost = attributes.merge(item.get("attributes"), further)
        except InvalidInput as error:
            columns["attributes"].append(None)
            faults["attributes"][position] = error
        else:
            columns["attributes"].append(text)
            dropped += [(row, each) for each in lost]
    return Chunk(
        rows=pa.table({name: pa.array(each, pa.string()) for name, each in columns.items()}),
        numbers=pa.array(rows, pa.int64()),
        unreadable=tuple(unreadable),
        faults=faults,
        dropped=tuple(dropped),
        names=frozenset(names - options.ignored),
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
