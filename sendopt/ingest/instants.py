"""Times of a column as instants: nearly all at once, the others one by one."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.clock import CLOCK_TOLERANCE
from sendopt.errors import InvalidInput
from sendopt.ingest.arrow_json import beyond
from sendopt.ingest.columns import (
    Faults,
    Positions,
    read_distinct,
    where,
    with_nulls,
    with_values,
)
from sendopt.ingest.fields import EARLIEST, before_our_days, likely_unit, read_instant
from sendopt.text import quoted

INSTANT = pa.timestamp("us", tz="UTC")

#: What Arrow reads as `clock.parse_any_instant` does. Others are read one by one.
_COMMON = (
    r"^(19[7-9]\d|2[01]\d\d)-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
    r"(Z|[+-](0\d|1[0-5])(:?[0-5]\d)?)$"
)


def read_instants(column: pa.Array, *, now: datetime) -> tuple[pa.Array, Faults]:
    """Return the instants of `column`, null where there is none, and what is wrong by position.

    Args:
        column: text, or timestamps in UTC within the years 1 to 9999.
        now: later instants than `CLOCK_TOLERANCE` after it would be known before they happen.
    """
    faults: Faults = {}
    instants = column
    if not pa.types.is_timestamp(column.type):
        instants, faults = _read_texts(column.cast(pa.string()))
    for suspect, refusal in (
        (pc.less(instants, pa.scalar(EARLIEST, INSTANT)), before_our_days),
        (
            pc.greater(instants, pa.scalar(now + CLOCK_TOLERANCE, INSTANT)),
            lambda told: _in_future(told, now),
        ),
    ):
        for position in where(suspect).tolist():
            told = column[position].as_py()
            faults[position] = refusal(told if isinstance(told, str) else told.isoformat())
    return with_nulls(instants, list(faults)), faults


def as_instants(column: pa.TimestampArray) -> tuple[pa.Array, Faults]:
    """Return times of any unit and zone as instants, null outside the years 1 to 9999, and why."""
    far = np.flatnonzero(beyond(column))
    faults = {}
    for position, count in zip(far.tolist(), _counts(column, far), strict=True):
        faults[position] = InvalidInput(
            f"{count} {column.type.unit} after 1970 lies outside the years 1 to 9999",
            code="time_unit_suspect",
            expected="a time from 1971 on",
            hint=likely_unit(count),
        )
    # The log keeps microseconds; finer parts are cut off.
    microseconds = pc.CastOptions(INSTANT, allow_time_truncate=True)
    return pc.cast(with_nulls(column, far), options=microseconds), faults


def _counts(column: pa.TimestampArray, where: Positions) -> list[int]:
    return list(column.take(pa.array(where)).cast(pa.int64()).to_pylist())


def _read_texts(column: pa.StringArray) -> tuple[pa.Array, Faults]:
    spelled = pc.replace_substring_regex(column, pattern=r" ?UTC$", replacement="Z")
    common = pc.match_substring_regex(spelled, _COMMON).fill_null(fill_value=False)
    try:
        plain = pc.if_else(common, spelled, pa.scalar(None, pa.string()))
        # Finer parts than microseconds are cut off.
        instants = plain.cast(pa.timestamp("ns", tz="UTC")).cast(INSTANT, safe=False)
    except pa.ArrowInvalid:  # a day that is in no calendar, somewhere
        common = pa.array(np.zeros(len(column), np.bool_))
        instants = pa.nulls(len(column), INSTANT)
    rest = where(pc.and_not(column.is_valid(), common))
    values, faults = read_distinct(column, rest, read_instant)
    return with_values(instants, values), faults


def _in_future(told: object, now: datetime) -> InvalidInput:
    return InvalidInput(
        f"{quoted(told)} lies in the future",
        code="time_in_future",
        expected=f"at most {CLOCK_TOLERANCE} after now, {now.isoformat(timespec='seconds')}",
        hint="check the sender's clock and zone",
    )
