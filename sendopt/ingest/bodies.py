"""Reads files whose rows stand for bodies of requests: of devices, or of users.

A line of JSON is the body. In CSV and Parquet a column is a field, and `address.keys.auth` a field
within others, or `address` as JSON text; an empty cell says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sendopt import strict_json
from sendopt.errors import InvalidInput, together
from sendopt.ingest.jsonl import read_jsonl, read_objects
from sendopt.ingest.mapping.tables import VendorTable
from sendopt.ingest.mapping.tables import reader_of as table_reader_of
from sendopt.ingest.raw import Options
from sendopt.ingest.sources import reader_of
from sendopt.text import did_you_mean, quoted

#: The number of a row, from 1, and its body; or why it is none.
Row = tuple[int, dict[str, Any] | InvalidInput]

_WORDS = {"true": True, "false": False, "1": True, "0": False}


def bodies_of(path: Path, fields: frozenset[str], options: Options) -> Iterator[list[Row]]:
    """Yield the rows of `path`, some at a time.

    Args:
        path: Parquet, CSV or JSON Lines; text also as .gz.
        fields: the columns that a table may have.
        options: how to read the file.

    Raises:
        InvalidInput: `file_missing`, `file_kind_unknown`, `file_empty`, `malformed_file`;
            `unknown_field`, if a table has a column that is no field.
    """
    if reader_of(path) is read_jsonl:
        for objects, unreadable in read_objects(path):
            yield sorted(
                [*((row, _told(body, options)) for row, body in objects), *unreadable],
                key=lambda each: each[0],
            )
        return
    checked = False
    for table in table_reader_of(path)(path, fields - options.ignored, options):
        if not checked:
            _check_names(path.name, table.names - options.ignored, fields)
            checked = True
        yield sorted([*_rows(table), *table.unreadable], key=lambda each: each[0])


def _told(body: dict[str, Any], options: Options) -> dict[str, Any]:
    """Return an object without what the options leave out."""
    if not options.ignored and not options.nulls:
        return body
    return {
        name: said
        for name, said in body.items()
        if name not in options.ignored and not (isinstance(said, str) and said in options.nulls)
    }


def _check_names(source: str, names: frozenset[str], fields: frozenset[str]) -> None:
    faults = [
        InvalidInput(
            f"{source} has a column {quoted(name)}, which is no field",
            code="unknown_field",
            field=name,
            expected=f"columns of {', '.join(sorted(fields))}",
            hint=did_you_mean(name, sorted(fields))
            or f"leave it out: --ignore-column {quoted(name)}",
        )
        for name in sorted(names - fields)
    ]
    if faults:
        raise together(faults)


def _rows(table: VendorTable) -> Iterator[Row]:
    names = table.columns.column_names
    paths = [name.split(".") for name in names]
    columns = [table.columns[name].to_pylist() for name in names]
    numbers = table.numbers.to_pylist()
    for row, *cells in zip(numbers, *columns, strict=True):
        body: dict[str, Any] = {}
        for path, cell in zip(paths, cells, strict=True):
            if cell is not None:
                _put(body, path, cell)
        yield row, body


def _put(body: dict[str, Any], path: list[str], cell: str) -> None:
    """Put a cell where its column leads; JSON where an object belongs, a word where a yes or no."""
    *outer, name = path
    for key in outer:
        inner = body.setdefault(key, {})
        if not isinstance(inner, dict):
            return  # the column of the whole has said it
        body = inner
    said: Any = cell
    if name in _OBJECTS and not outer:
        with suppress(InvalidInput):  # as text it is of the wrong type
            said = strict_json.loads(cell.encode())
    elif path == _GIVEN:
        said = _WORDS.get(cell.lower(), cell)
    body[name] = said


_OBJECTS = frozenset({"address", "consent"})
_GIVEN = ["consent", "given"]

#: Columns of what a user says, of rows of any kind.
_OF_CONSENT = frozenset(
    {
        "consent",
        *(f"consent.{name}" for name in ("given", "source", "at", "channel", "message_type")),
    }
)
DEVICE_FIELDS = _OF_CONSENT | {
    *("device_id", "user_id", "channel", "platform", "timezone", "address"),
    *("address.endpoint", "address.keys.p256dh", "address.keys.auth"),
    *("address.url", "address.secret"),
}
PROFILE_FIELDS = _OF_CONSENT | {"user_id", "timezone"}
