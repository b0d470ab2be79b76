"""Turns columns of any Arrow type into values that JSON has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.errors import InvalidInput
from sendopt.text import quoted

#: Years 1 to 9999 in seconds. Arrow counts further, and spells what it counts wrongly.
_SECONDS = (-62_135_596_800, 253_402_300_800)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def json_values(column: pa.Array) -> list[Any]:
    """Return the values of a column: objects, lists, text, numbers, truth values, None.

    What has no form in JSON becomes text. In the place of an object with a key that stands twice
    is the error, `malformed_json`.

    Raises:
        InvalidInput: `wrong_type`, if the type has no form at all.
    """
    try:
        return _values(column)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise InvalidInput(
            f"nothing can be kept of a column of the type {column.type}: {error}",
            code="wrong_type",
            expected="text, numbers, instants, or structs and lists of them",
        ) from error


def _values(column: pa.Array) -> list[Any]:
    column = plain(column)
    kind = column.type
    if pa.types.is_map(kind):
        return _of_map(column)
    if pa.types.is_struct(kind):
        return _of_struct(column)
    if pa.types.is_nested(kind):
        return _of_list(column)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind):
        numbers = column.cast(pa.float32()) if kind == pa.float16() else column
        return list(numbers.to_pylist())
    if pa.types.is_null(kind):
        return [None] * len(column)
    return list(as_words(column).to_pylist())


def _of_map(column: pa.MapArray) -> list[Any]:
    keys, items = _values(column.keys), _values(column.items)
    offsets = column.offsets.to_pylist()
    spans = zip(offsets[:-1], offsets[1:], column.is_valid().to_pylist(), strict=True)
    return [
        _object([_key(each) for each in keys[start:end]], items[start:end]) if valid else None
        for start, end, valid in spans
    ]


def _key(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _of_struct(column: pa.StructArray) -> list[Any]:
    names = [each.name for each in column.type]
    members = [_values(each) for each in column.flatten()]
    valid = column.is_valid().to_pylist()
    return [
        _object(names, [each[row] for each in members]) if valid[row] else None
        for row in range(len(column))
    ]


def _object(keys: Sequence[str], values: Sequence[Any]) -> Any:
    found = dict(zip(keys, values, strict=True))
    if len(found) < len(keys):
        twice = next(key for key in found if keys.count(key) > 1)
        return InvalidInput(f"the key {quoted(twice)} stands twice", code="malformed_json")
    return found


def _of_list(column: pa.Array) -> list[Any]:
    inner = iter(_values(column.flatten()))
    lengths = pc.list_value_length(column).to_pylist()
    return [None if n is None else [next(inner) for _ in range(n)] for n in lengths]


def plain(column: pa.Array) -> pa.Array:
    """Return the values of a dictionary, and what an extension type stores, save of UUIDs."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if isinstance(column.type, pa.BaseExtensionType) and not is_uuid(column.type):
        return column.storage
    return column


def as_words(column: pa.Array) -> pa.Array:
    """Return values of any simple type as text, without loss.

    Raises:
        pa.ArrowException: if Arrow cannot spell the type.
        InvalidInput: `time_unit_suspect`, if an instant or a day lies outside the years 1 to 9999.
    """
    kind = column.type
    if is_text(kind):
        return as_utf8(column)
    if is_uuid(kind):
        values = column.storage.to_pylist()
        return pa.array(
            [None if each is None else str(UUID(bytes=each)) for each in values], pa.string()
        )
    if pa.types.is_fixed_size_binary(kind):
        octets = column.to_pylist()
        return pa.array([None if each is None else each.hex() for each in octets], pa.string())
    if (pa.types.is_timestamp(kind) or pa.types.is_date(kind)) and not beyond(column).sum() == 0:
        raise InvalidInput("a time lies outside the years 1 to 9999", code="time_unit_suspect")
    return column.cast(pa.string())


def beyond(column: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say of each instant or day whether it lies outside the years 1 to 9999."""
    kind = column.type
    if kind == pa.date32():
        counts, unit = column.cast(pa.int32()).cast(pa.int64()), 1 / 86_400
    else:
        counts = column.cast(pa.int64())
        unit = _PER_SECOND["ms" if kind == pa.date64() else kind.unit]
    seconds = np.asarray(counts.fill_null(0)) / unit
    return np.asarray((seconds < _SECONDS[0]) | (seconds >= _SECONDS[1]))


def as_utf8(column: pa.Array) -> pa.Array:
    """Return text; bytes that are no UTF-8 become U+FFFD, which no field takes."""
    try:
        text = column.cast(pa.string())
        text.validate(full=True)
    except pa.ArrowInvalid:
        octets = column.cast(pa.large_binary()).to_pylist()
        return pa.array(
            [None if each is None else each.decode("utf-8", "replace") for each in octets],
            pa.string(),
        )
    return text


def is_uuid(kind: pa.DataType) -> bool:
    """Tell whether values are UUIDs."""
    return isinstance(kind, pa.BaseExtensionType) and kind.extension_name == "arrow.uuid"


def is_text(kind: pa.DataType) -> bool:
    """Tell whether values are text, or bytes that may be text."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )
