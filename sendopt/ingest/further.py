"""Further columns of a file, put together row by row into `attributes`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.ingest import attributes
from sendopt.ingest.arrow_json import json_values
from sendopt.ingest.columns import Faults, holding, one_array, with_nulls
from sendopt.ingest.raw import CONTRACT_COLUMNS, Chunk, Finding
from sendopt.records import COUNTING_ATTRIBUTE

#: Bytes of text that JSON writes otherwise, and those with which U+FFFD begins.
_NOT_AS_IT_IS = np.array([octet < 0x20 or octet in b'"\\\xef' for octet in range(256)])


def with_attributes(chunk: Chunk) -> Chunk:
    """Return `chunk` with its further columns, of any type, in `attributes`.

    What JSON spells as it stands is put together in columns; the rows with anything else are
    merged one by one.
    """
    table = chunk.rows
    names = sorted(name for name in table.column_names if name not in CONTRACT_COLUMNS)
    if not names and "attributes" not in table.column_names:
        return chunk
    by_hand = np.zeros(len(table), np.bool_)
    if "attributes" in table.column_names:
        by_hand |= np.asarray(one_array(table["attributes"]).is_valid())
    values, lost = _values(table, [*names, "attributes"])
    names = [name for name in names if name in values]
    words: dict[str, pa.Array] = {}
    for name in names:
        words[name], odd = _words(one_array(table[name]))
        by_hand |= odd | (name == COUNTING_ATTRIBUTE)
    objects = _objects(words, len(table))
    by_hand |= np.asarray(pc.greater(pc.utf8_length(objects), attributes.MAX_CHARACTERS))
    merged, faults, untold = _merge(values, words, np.flatnonzero(by_hand).tolist())
    mask = pa.array(by_hand)
    objects = pc.replace_with_mask(objects, mask, pa.array(merged, pa.string()))
    kept = table.select(
        [n for n in table.column_names if n in CONTRACT_COLUMNS and n != "attributes"]
    )
    dropped = [(chunk.numbers[position].as_py(), error) for position, error in untold]
    return replace(
        chunk,
        rows=kept.append_column("attributes", objects),
        faults={**chunk.faults, "attributes": faults},
        dropped=(*chunk.dropped, *lost, *dropped),
    )


def _words(column: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Return the values of a column as JSON, null where there is none, and which are not told."""
    kind = column.type
    untold = np.zeros(len(column), np.bool_)
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.string()), untold
    if pa.types.is_floating(kind):
        finite = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
        spelled = [None if each is None else repr(each) for each in finite.to_pylist()]
        return pa.array(spelled, pa.string()), np.asarray(
            pc.is_inf(column).fill_null(fill_value=False)
        )
    if pa.types.is_boolean(kind) or (pa.types.is_integer(kind) and kind != pa.uint64()):
        return column.cast(pa.string()), untold
    if not pa.types.is_string(kind):
        return pa.nulls(len(column), pa.string()), np.asarray(column.is_valid())
    plain = with_nulls(column, np.flatnonzero(odd := holding(column, _NOT_AS_IT_IS)))
    return pc.binary_join_element_wise('"', plain, '"', ""), odd


def _objects(words: Mapping[str, pa.Array], size: int) -> pa.Array:
    inner = pa.nulls(size, pa.string())
    for name, values in words.items():
        member = pc.binary_join_element_wise(f"{attributes.canonical(name)}:", values, "")
        inner = pc.coalesce(pc.binary_join_element_wise(inner, member, ","), inner, member)
    return pc.binary_join_element_wise("{", inner.fill_null(""), "}", "")


#: Columns of simple types, whose values are read where they are needed; of the others all.
_Values = dict[str, pa.Array | list[Any]]


def _values(table: pa.Table, names: list[str]) -> tuple[_Values, list[Finding]]:
    """Return the columns that have a form in JSON, and what is wrong with the others."""
    values: _Values = {}
    lost: list[Finding] = []
    for name in (each for each in names if each in table.column_names):
        column = one_array(table[name])
        try:
            is_simple = not (pa.types.is_nested(column.type) or pa.types.is_temporal(column.type))
            values[name] = column if is_simple else json_values(column)
        except InvalidInput as error:
            lost.append((0, error.at(name)))
    return values, lost


def _merge(
    values: _Values, words: Mapping[str, pa.Array], positions: list[int]
) -> tuple[list[str | None], Faults, list[Finding]]:
    """Merge the attributes of the rows at `positions`, which faults and losses are told by."""
    merged: list[str | None] = []
    faults: Faults = {}
    dropped: list[Finding] = []
    for position in positions:
        further = {name: _value(words[name][position], values[name][position]) for name in words}
        given = values["attributes"][position] if "attributes" in values else None
        try:
            text, lost = attributes.merge(_plain(given), further)
        except InvalidInput as error:
            faults[position] = error
            merged.append(None)
        else:
            merged.append(text)
            dropped += [(position, each) for each in lost]
    return merged, faults, dropped


def _value(word: pa.Scalar, value: Any) -> Any:
    return json.loads(word.as_py()) if word.is_valid else _plain(value)


def _plain(value: Any) -> Any:
    return value.as_py() if isinstance(value, pa.Scalar) else value
