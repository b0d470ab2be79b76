"""Reads a vendor's times: numbers since 1970, or text that may lack a zone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.ingest.instants import INSTANT
from sendopt.ingest.mapping.grammar import Time

_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_NUMBER = r"^-?\d{1,17}(\.\d{1,9})?$"
_WITH_ZONE = r"([Zz]|[+-]\d\d(:?\d\d)?| UTC)$"


def instants(column: pa.Array, time: Time) -> pa.Array:
    """Return the times of a column of text.

    They are instants where all can be read as `time` says; else text, of which `judge` says what
    is wrong with each.
    """
    if time.unit == "text":
        return _with_zone(column) if time.zone == "UTC" else column
    numbers = pc.match_substring_regex(column, _NUMBER)
    if not pc.all(numbers, min_count=0).as_py():
        column_of_numbers = pc.if_else(numbers, column, pa.scalar(None, pa.string()))
        read = pc.strftime(_of_numbers(column_of_numbers, time.unit), "%Y-%m-%dT%H:%M:%SZ")
        return pc.coalesce(read, column)
    return _of_numbers(column, time.unit)


def _of_numbers(column: pa.Array, unit: str) -> pa.Array:
    factor = _MICROSECONDS[unit]
    if pc.any(pc.match_substring(column, ".")).as_py():
        scaled = np.rint(np.asarray(pc.fill_null(column.cast(pa.float64()), 0.0)) * factor)
        counted = pc.if_else(
            column.is_valid(), pa.array(scaled.astype(np.int64)), pa.scalar(None, pa.int64())
        )
    else:
        counted = pc.multiply(column.cast(pa.int64()), factor)
    return counted.cast(INSTANT)


def _with_zone(column: pa.Array) -> pa.Array:
    named = pc.match_substring_regex(column, _WITH_ZONE)
    return pc.if_else(named, column, pc.binary_join_element_wise(column, "Z", ""))
