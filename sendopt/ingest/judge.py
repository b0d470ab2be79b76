"""Judges rows by the Event contract, wherever they came in. `docs/events.md` has the table.

A row whose required fields can be read is an event. An optional field that cannot be read costs
the field, not the event. An opt-out counts whatever else is wrong with it, as long as it says who
wants nothing more.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.errors import InvalidInput, together
from sendopt.ingest.columns import (
    Faults,
    Positions,
    beginning_with,
    not_plain,
    one_array,
    read_distinct,
    where,
    where_null,
    with_nulls,
    with_values,
)
from sendopt.ingest.fields import (
    MAX_EVENT_ID_CHARACTERS,
    not_reserved,
    read_event_id,
    read_event_type,
    read_propensity,
    read_text,
    read_timezone,
)
from sendopt.ingest.instants import INSTANT, read_instants
from sendopt.ingest.raw import REQUIRED_COLUMNS, TEXT_COLUMNS, Chunk, Finding
from sendopt.log import EVENT_SCHEMA
from sendopt.records import CAUSED_BY_SEND, EventType
from sendopt.text import MAX_ID_CHARACTERS

#: Columns of few different values, each read once; of the others nearly all values are plain ids.
_READ_ONCE: Mapping[str, Callable[[str], Any]] = {
    "event_type": read_event_type,
    "timezone": read_timezone,
}
#: The first two bytes of the ids that the service makes.
_OUR_OWN = (b"s_", b"cl", b"op")
_CAUSED = pa.array(sorted(CAUSED_BY_SEND), pa.string())
_FAULT_ORDER = (*REQUIRED_COLUMNS, *(n for n in EVENT_SCHEMA.names if n not in REQUIRED_COLUMNS))


@dataclass(frozen=True)
class Judged:
    """The verdict on the rows of a chunk.

    Attributes:
        events: with the columns of EVENT_SCHEMA; `row`; and `time_is_ours`, true of an opt-out
            whose own time could not be read: it counts from now.
        refused: why each of the other rows is no event.
        dropped: fields without which an event counts.
    """

    events: pa.Table
    refused: list[Finding]
    dropped: list[Finding]


def judge(chunk: Chunk, *, now: datetime) -> Judged:
    """Tell events from rows that are none."""
    columns, faults = _read(chunk, now=now)
    rows = chunk.numbers
    verdict = _Verdict(now)
    for position in sorted({each for found in faults.values() for each in found}):
        found = {name: faults[name][position] for name in faults if position in faults[name]}
        verdict.settle(position, rows[position].as_py(), found, columns)
    columns["event_id"] = with_values(columns["event_id"], verdict.event_ids)
    columns["occurred_at"] = with_values(
        columns["occurred_at"], dict.fromkeys(verdict.times_of_ours, now)
    )
    ours = np.zeros(len(rows), np.bool_)
    ours[verdict.times_of_ours] = True
    events = pa.table(
        {
            **{name: columns[name] for name in EVENT_SCHEMA.names},
            "row": rows,
            "time_is_ours": pa.array(ours),
        }
    )
    if verdict.refused:
        kept = np.ones(len(rows), np.bool_)
        kept[list(verdict.refused)] = False
        events = events.filter(pa.array(kept))
    refused_rows = {row for row, _ in verdict.refused.values()}
    dropped = [each for each in chunk.dropped if each[0] not in refused_rows]
    return Judged(events, list(verdict.refused.values()), dropped + verdict.dropped)


class _Verdict:
    """What becomes of the rows in which something is wrong."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.refused: dict[int, Finding] = {}
        self.dropped: list[Finding] = []
        self.event_ids: dict[int, str] = {}  # made for opt-outs
        self.times_of_ours: list[int] = []  # positions of opt-outs that count from now

    def settle(
        self,
        position: int,
        row: int,
        found: Mapping[str, InvalidInput],
        columns: Mapping[str, pa.Array],
    ) -> None:
        user_id, event_type = (columns[name][position].as_py() for name in _WHOSE)
        is_opt_out = event_type == EventType.OPT_OUT and user_id is not None
        ordered = [found[name].at(found[name].field or name) for name in _in_order(found)]
        costs_the_event = [name for name in _in_order(found) if _is_needed(name, found, event_type)]
        if costs_the_event and not is_opt_out:
            first = _in_order(found).index(costs_the_event[0])
            others = ordered[:first] + ordered[first + 1 :]
            self.refused[position] = (row, together([ordered[first], *others]))
            return
        self.dropped += [(row, each) for each in ordered]
        if "occurred_at" in found:
            self.times_of_ours.append(position)
        if "event_id" in found:
            when = columns["occurred_at"][position].as_py()
            told = json.dumps([user_id, "" if when is None else when.isoformat()])
            digest = hashlib.sha256(told.encode()).hexdigest()[:32]
            self.event_ids[position] = f"opt_out-{digest}"


_WHOSE = ("user_id", "event_type")


def _in_order(found: Mapping[str, InvalidInput]) -> list[str]:
    return [name for name in _FAULT_ORDER if name in found]


def _is_needed(name: str, found: Mapping[str, InvalidInput], event_type: str | None) -> bool:
    if name == "send_id":
        return event_type in CAUSED_BY_SEND
    return name in REQUIRED_COLUMNS or found[name].code == "attribute_reserved"


def _read(chunk: Chunk, *, now: datetime) -> tuple[dict[str, pa.Array], dict[str, Faults]]:
    """Return the contract's columns, null where nothing is or can be read, and the faults."""
    size = len(chunk.rows)
    columns: dict[str, pa.Array] = {}
    faults: dict[str, Faults] = defaultdict(dict)
    for name, found in chunk.faults.items():
        faults[name].update(found)
    for name in TEXT_COLUMNS:
        column = _column(chunk, name, pa.string())
        columns[name], unfit = _read_text(name, column)
        faults[name].update(unfit)
    columns["occurred_at"], unfit = read_instants(_column(chunk, "occurred_at", INSTANT), now=now)
    faults["occurred_at"].update(unfit)
    columns["propensity"], unfit = _read_propensities(_column(chunk, "propensity", pa.float64()))
    faults["propensity"].update(unfit)
    attributes = _column(chunk, "attributes", pa.string())
    columns["attributes"] = (
        pa.repeat(pa.scalar("{}"), size)
        if attributes.null_count == size
        else attributes.fill_null("{}")
    )
    for name in REQUIRED_COLUMNS:
        _require(name, where_null(columns[name]), faults[name], chunk.names)
    _check_send_ids(columns, faults)
    return columns, faults


def _column(chunk: Chunk, name: str, kind: pa.DataType) -> pa.Array:
    if name not in chunk.rows.column_names:
        return pa.nulls(len(chunk.rows), kind)
    return one_array(chunk.rows[name])


def _read_text(name: str, column: pa.StringArray) -> tuple[pa.Array, Faults]:
    if name in _READ_ONCE:
        unknown = _unknown(column, _READ_ONCE[name])
        _, faults = read_distinct(column, unknown, _READ_ONCE[name])
    else:
        is_event_id = name == "event_id"
        longest = MAX_EVENT_ID_CHARACTERS if is_event_id else MAX_ID_CHARACTERS
        read = read_event_id if is_event_id else read_text
        odd = not_plain(column, longest=longest)
        if is_event_id:
            odd = np.union1d(odd, beginning_with(column, *_OUR_OWN))
        _, faults = read_distinct(column, odd, read)
    return with_nulls(column, list(faults)), faults


def _unknown(column: pa.StringArray, read: Callable[[str], Any]) -> Positions:
    """Return where a column of few different values holds one that cannot be read."""
    distinct = pc.unique(column).drop_null()
    _, faults = read_distinct(distinct, np.arange(len(distinct)), read)
    if not faults:
        return np.zeros(0, np.int64)
    unknown = distinct.take(pa.array(list(faults)))
    return where(pc.is_in(column, value_set=unknown))


def _read_propensities(column: pa.Array) -> tuple[pa.Array, Faults]:
    if pa.types.is_string(column.type):
        values, faults = read_distinct(column, where(column.is_valid()), read_propensity)
        return with_values(pa.nulls(len(column), pa.float64()), values), faults
    numbers = column.cast(pa.float64(), safe=False)
    # What data frames write for a number that is missing.
    numbers = with_nulls(numbers, where(pc.is_nan(numbers)))
    unfit = pc.invert(pc.and_(pc.greater(numbers, 0.0), pc.less_equal(numbers, 1.0)))
    _, faults = read_distinct(numbers, where(unfit), read_propensity)
    return with_nulls(numbers, list(faults)), faults


def _check_send_ids(columns: Mapping[str, pa.Array], faults: Mapping[str, Faults]) -> None:
    """Check what no column can tell by itself."""
    event_types, send_ids = columns["event_type"], columns["send_id"]
    found = faults["send_id"]
    caused = pc.is_in(event_types, value_set=_CAUSED)
    for position in where(pc.and_(caused, send_ids.is_null())).tolist():
        if position not in found:
            found[position] = _without_send(event_types[position].as_py())
    like_ours = beginning_with(send_ids, _OUR_OWN[0])
    of_sends = where(pc.equal(event_types.take(pa.array(like_ours)), EventType.SEND.value))
    found.update(read_distinct(send_ids, like_ours[of_sends], not_reserved)[1])


def _without_send(event_type: str) -> InvalidInput:
    if event_type == EventType.SEND:
        return InvalidInput(
            "is missing: give every send an id; what it causes repeats it",
            code="missing_field",
            expected="an id of the send",
        )
    article = "an" if event_type[0] in "aeiou" else "a"
    return InvalidInput(
        f"is missing, and {article} {event_type} belongs to a send",
        code="missing_field",
        expected="the id of the send that caused it",
    )


def _require(name: str, empty: Positions, found: Faults, names: frozenset[str]) -> None:
    for position in empty.tolist():
        if position not in found:
            found[position] = InvalidInput(
                "is empty" if name in names else "is missing",
                code="missing_field",
                expected="a value in every row",
            )
