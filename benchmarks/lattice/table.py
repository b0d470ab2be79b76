"""A cohort's record as Arrow columns in the event contract (docs/events.md)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lattice.arrays import Numbers, Vector
from lattice.cohort import Cohort
from lattice.recording import Recorded
from lattice.world import Segment

SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("event_type", pa.string()),
        ("occurred_at", pa.timestamp("us", tz="UTC")),
        ("send_id", pa.string()),
        ("timezone", pa.string()),
        ("platform", pa.string()),
        ("message_type", pa.string()),
        ("propensity", pa.float64()),
    ]
)
_JITTER = 5.0  # seconds between a row and its repeat


def events(cohort: Cohort, recorded: Recorded, rng: np.random.Generator) -> pa.Table:
    """Return sends, opens, sessions and what stands twice."""
    sends, share = recorded.sends, cohort.world.recording.repeats
    all_sends, all_opens = np.arange(len(sends)), np.arange(len(recorded.open_of))
    tables = [
        _sends(cohort, recorded, all_sends, sends.at, "s"),
        _opens(cohort, recorded, all_opens, recorded.open_at, "o"),
        _sessions(cohort, recorded),
    ]
    if share:
        again = np.flatnonzero(rng.random(len(sends)) < share)
        at = sends.at[again] + _JITTER * rng.random(len(again))
        tables.append(_sends(cohort, recorded, again, at, "rs"))
        again = np.flatnonzero(rng.random(len(all_opens)) < share)
        at = recorded.open_at[again] + _JITTER * rng.random(len(again))
        tables.append(_opens(cohort, recorded, again, at, "ro"))
    return pa.concat_tables(tables)


def user_ids(number: Numbers) -> pa.Array:
    return _named("u", number)


def stamps(at: Vector) -> pa.Array:
    return pa.array((at * 1e6).astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))


def names(segments: tuple[Segment, ...], number: Numbers) -> pa.Array:
    """Return the segments' names; nulls where a world has none."""
    if not segments:
        return pa.nulls(len(number), pa.string())
    return pa.array([segment.name for segment in segments]).take(pa.array(number))


def _sends(cohort: Cohort, recorded: Recorded, rows: Numbers, at: Vector, prefix: str) -> pa.Table:
    sends, sender = recorded.sends, cohort.world.sender
    logged = sender is not None and sender.logs_propensity
    return _table(
        cohort,
        sends.user[rows],
        at,
        event_id=_named(f"{prefix}{cohort.first}-", rows),
        event_type="send",
        send_id=_send_ids(cohort, recorded, rows),
        message_type=_message_types(cohort, recorded, rows),
        propensity=pa.array(sends.propensity[rows]) if logged else None,
    )


def _opens(cohort: Cohort, recorded: Recorded, rows: Numbers, at: Vector, prefix: str) -> pa.Table:
    of = recorded.open_of[rows]
    return _table(
        cohort,
        recorded.sends.user[of],
        at,
        event_id=_named(f"{prefix}{cohort.first}-", rows),
        event_type="open",
        send_id=_send_ids(cohort, recorded, of),
        message_type=_message_types(cohort, recorded, of),
    )


def _sessions(cohort: Cohort, recorded: Recorded) -> pa.Table:
    rows = np.arange(len(recorded.session_user))
    return _table(
        cohort,
        recorded.session_user,
        recorded.session_at,
        event_id=_named(f"a{cohort.first}-", rows),
        event_type="session",
    )


def _table(
    cohort: Cohort,
    user: Numbers,
    at: Vector,
    *,
    event_id: pa.Array,
    event_type: str,
    send_id: pa.Array | None = None,
    message_type: pa.Array | None = None,
    propensity: pa.Array | None = None,
) -> pa.Table:
    world, count = cohort.world, len(user)
    columns = {
        "event_id": event_id,
        "user_id": user_ids(cohort.first + user),
        "event_type": pa.repeat(event_type, count),
        "occurred_at": stamps(at),
        "send_id": send_id,
        "timezone": pa.array(world.zones).take(pa.array(cohort.zone_at(user, at)))
        if world.recording.zones
        else None,
        "platform": names(world.habits.platforms, cohort.platform[user]),
        "message_type": message_type,
        "propensity": propensity,
    }
    filled = {
        field.name: pa.nulls(count, field.type)
        if columns[field.name] is None
        else columns[field.name]
        for field in SCHEMA
    }
    return pa.table(filled, schema=SCHEMA)


def _send_ids(cohort: Cohort, recorded: Recorded, rows: Numbers) -> pa.Array:
    if cohort.world.recording.shared_ids:
        return _named("blast-", np.floor(cohort.day(recorded.sends.at[rows])).astype(np.int64))
    return _named(f"m{cohort.first}-", rows)


def _message_types(cohort: Cohort, recorded: Recorded, rows: Numbers) -> pa.Array:
    sender = cohort.world.sender
    return names(() if sender is None else sender.message_types, recorded.sends.message_type[rows])


def _named(prefix: str, number: Numbers) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(number).cast(pa.string()), "")
