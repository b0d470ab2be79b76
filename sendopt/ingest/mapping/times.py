"""Reads a vendor's times: numbers since 1970, or text that may lack a zone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.errors import InvalidInput
from sendopt.ingest.columns import Faults, where, with_nulls
from sendopt.ingest.fields import likely_unit
from sendopt.ingest.instants import INSTANT
from sendopt.ingest.mapping.grammar import Time
from sendopt.text import quoted

_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # since 1970
_NUMBER = r"^-?\d{1,17}(\.\d{1,9})?$"
_WITH_ZONE = r"([Zz]|[+-]\d\d(:?\d\d)?| UTC)$"


def instants(column: pa.Array, time: Time) -> tuple[pa.Array, Faults]:
    """Return the times of a column of text, and by position which lie in no year of a calendar.

    They are instants where all can be read as `time` says; else text, of which `judge` says what
    is wrong with each. Where there is a fault they are null.
    """
    if time.unit == "text":
        return _with_zone(column) if time.zone == "UTC" else column, {}
    is_number = pc.match_substring_regex(column, _NUMBER)
    numbers = pc.if_else(is_number, column, pa.scalar(None, pa.string()))
    faults = _in_no_year(numbers, time.unit)
    read = _of_numbers(with_nulls(numbers, list(faults)), time.unit)
    if pc.all(is_number, min_count=0).as_py():
        return read, faults
    as_text = pc.strftime(read, "%Y-%m-%dT%H:%M:%SZ")
    return with_nulls(pc.coalesce(as_text, column), list(faults)), faults


def _in_no_year(numbers: pa.Array, unit: str) -> Faults:
    """Say of numbers outside of the years 1 to 9999 that the unit may be another."""
    seconds = pc.divide(numbers.cast(pa.float64()), _MICROSECONDS["s"] / _MICROSECONDS[unit])
    outside = pc.or_(pc.less(seconds, _FIRST_SECOND), pc.greater(seconds, _LAST_SECOND))
    return {
        position: InvalidInput(
            f"{quoted(numbers[position].as_py())} {unit} since 1970 lie in no year from 1 to 9999",
            code="time_unit_suspect",
            expected="a time in the unit that the mapping names",
            hint=likely_unit(float(numbers[position].as_py())) or "check [time] unit: s, ms or us",
        )
        for position in where(outside).tolist()
    }


def _of_numbers(column: pa.Array, unit: str) -> pa.Array:
    factor = _MICROSECONDS[unit]
    if pc.any(pc.match_substring(column, ".")).as_py():
        scaled = np.rint(np.asarray(pc.fill_null(column.cast(pa.float64()), 0.0)) * factor)
        counted = pc.if_else(
            column.is_valid(), pa.array(scaled.astype(np.int64)), pa.scalar(None, pa.int64())
        )
    else:
        counted = pc.multiply_checked(column.cast(pa.int64()), factor)
    return counted.cast(INSTANT)


def _with_zone(column: pa.Array) -> pa.Array:
    named = pc.match_substring_regex(column, _WITH_ZONE)
    return pc.if_else(named, column, pc.binary_join_element_wise(column, "Z", ""))
