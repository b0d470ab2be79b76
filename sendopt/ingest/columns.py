"""Finds the few values of a column that need reading one by one.

Nearly every id in a log is plain: visible ASCII, short, no spelling of "missing", no template. That
is told from the bytes of a whole column at once. Only the others are read, each distinct text once,
by the same functions that read a single value anywhere else; nothing here decides what is right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.text import MARKS_OF_NO_ID, SPELLINGS_OF_MISSING

Positions = NDArray[np.int64]
Faults = dict[int, InvalidInput]

#: Lengths that a spelling of "missing" can have are kept as bits of a number.
_LONGEST_SPELLING = 62


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece."""
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return column


def texts(column: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return where each text begins and ends in the bytes of the column, and these bytes."""
    _, offset_buffer, data = column.buffers()
    count = len(column)
    offsets = np.frombuffer(offset_buffer, np.int32)[column.offset : column.offset + count + 1]
    octets = np.frombuffer(b"" if data is None else data, np.uint8)
    return offsets, octets


def holding(column: pa.StringArray, unwanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of each text whether it holds a byte that is `unwanted`, a table of 256 answers."""
    if not len(column):
        return np.zeros(0, np.bool_)
    offsets, octets = texts(column)
    hits = np.flatnonzero(unwanted[octets[offsets[0] : offsets[-1]]]) + offsets[0]
    found = np.zeros(len(column), np.bool_)
    found[np.searchsorted(offsets, hits, side="right") - 1] = True
    return found


def not_plain(column: pa.StringArray, *, longest: int) -> Positions:
    """Return where a text is not certainly fit to be an id of at most `longest` characters."""
    if column.null_count == len(column):
        return np.zeros(0, np.int64)
    lengths = np.diff(texts(column)[0])
    odd = holding(column, _NOT_PLAIN) | (lengths > longest)
    # The first two bytes and the length tell nearly all ids from a spelling of "missing".
    spelled = _spelled_lengths()[_first_two(column)]
    odd |= (spelled >> np.minimum(lengths, _LONGEST_SPELLING + 1) & 1).astype(np.bool_)
    if column.null_count:
        odd &= np.asarray(column.is_valid())
    return np.flatnonzero(odd)


def read_distinct(
    column: pa.Array, where: Positions, read: Callable[[Any], Any]
) -> tuple[Mapping[int, Any], Faults]:
    """Read the values at `where`, each distinct one once; return by position values and faults."""
    if not len(where):
        return {}, {}
    encoded = column.take(pa.array(where)).dictionary_encode()
    results = [_result(read, value) for value in encoded.dictionary.to_pylist()]
    found = [results[index] for index in encoded.indices.to_pylist()]
    values: dict[int, Any] = {}
    faults: Faults = {}
    for position, result in zip(where.tolist(), found, strict=True):
        (faults if isinstance(result, InvalidInput) else values)[position] = result
    return values, faults


def where(mask: pa.Array) -> Positions:
    """Return the positions at which `mask` is true."""
    return np.flatnonzero(np.asarray(mask.fill_null(fill_value=False)))


def where_null(column: pa.Array) -> Positions:
    """Return the positions without a value."""
    return where(column.is_null()) if column.null_count else np.zeros(0, np.int64)


def beginning_with(column: pa.StringArray, *beginnings: bytes) -> Positions:
    """Return where the first two bytes of a text are one of `beginnings`."""
    if column.null_count == len(column):
        return np.zeros(0, np.int64)
    wanted = np.isin(_first_two(column), [int.from_bytes(each) for each in beginnings])
    return np.flatnonzero(wanted & np.asarray(column.is_valid()))


def with_nulls(column: pa.Array, where: Positions | list[int]) -> pa.Array:
    """Return `column` without its values at `where`."""
    if not len(where):
        return column
    mask = np.zeros(len(column), np.bool_)
    mask[np.asarray(where, np.int64)] = True
    return pc.if_else(pa.array(mask), pa.scalar(None, column.type), column)


def with_values(column: pa.Array, values: Mapping[int, Any]) -> pa.Array:
    """Return `column` with other values at some positions."""
    if not values:
        return column
    mask = np.zeros(len(column), np.bool_)
    where = sorted(values)
    mask[where] = True
    given = pa.array([values[position] for position in where], column.type)
    return pc.replace_with_mask(column, pa.array(mask), given)


def _first_two(column: pa.StringArray) -> NDArray[np.int64]:
    """Return the first two bytes of each text as one number; of shorter ones what comes next."""
    offsets, octets = texts(column)
    last = max(len(octets) - 1, 0)
    first, second = (octets[np.minimum(offsets[:-1] + step, last)] for step in (0, 1))
    return first.astype(np.int64) << 8 | second


def _result(read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except InvalidInput as error:
        return error


#: Bytes beyond visible ASCII, and those of which one stands in every template and every JSON list.
_NOT_PLAIN = np.array(
    [not 0x21 <= octet <= 0x7E or chr(octet) in MARKS_OF_NO_ID for octet in range(256)]
)


@cache
def _spelled_lengths() -> NDArray[np.int64]:
    """Return, by the first two bytes of a text, the lengths of spellings of "missing", as bits."""
    table = np.zeros((256, 256), np.int64)
    for spelling in (*SPELLINGS_OF_MISSING, "NA"):
        firsts, seconds = ({ord(each), ord(each.upper())} for each in (spelling + " ")[:2])
        # Behind a spelling of one byte stands whatever the next text begins with.
        behind = sorted(seconds) if len(spelling) > 1 else range(256)
        table[np.ix_(sorted(firsts), behind)] |= 1 << len(spelling)
    return table.ravel()
