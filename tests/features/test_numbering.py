"""Numbers of users, and the events of each, whatever their ids and in whatever order they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.features.target import Target
from sendopt.features.timeline import arrival
from sendopt.features.timeline.history import read_history
from sendopt.features.timeline.numbering import Numbering
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
# Ids that differ in their last byte, in their length or in a zero byte alone.
ALIKE = (
    "",
    "a",
    "a\0",
    "a\0\0",
    "12345678",
    "12345678\0",
    "123456781",
    "é" * 8,
    "x" * 15,
    "x" * 16,
)
ids = st.lists(st.one_of(st.sampled_from(ALIKE), st.text(max_size=40)), max_size=60)


def batch(users: Sequence[str], begin: int) -> pa.RecordBatch:
    """Return events whose keys count up from `begin`, as a slice of others."""
    rows = pa.record_batch(
        {
            "user_id": pa.array(["other", *users], pa.string()),
            "key": np.arange(begin - 1, begin + len(users)),
            "zone": (np.arange(begin - 1, begin + len(users)) % 7).astype(np.int16),
        }
    )
    return rows.slice(1)


def found(numbering: Numbering) -> tuple[dict[int, str], list[str]]:
    """Return the id of each event's user by key, and every id as often as it was counted."""
    users, counts = numbering.finish()
    names = users.to_pylist()
    assert len(set(names)) == len(names)
    told = {}
    for one in chain.from_iterable(numbering.parts):
        assert (one.zone == one.key % 7).all()
        told |= {
            int(key): names[user] for key, user in zip(one.key.tolist(), one.user, strict=True)
        }
    counted = Counter(dict(zip(names, counts.tolist(), strict=True)))
    return told, sorted(counted.elements())


@settings(max_examples=at_most(60))
@given(batches=st.lists(ids, max_size=5), begin=st.integers(-(2**40), 2**40))
def test_every_event_keeps_its_user(batches: list[list[str]], begin: int) -> None:
    numbering, expected = Numbering(), {}
    for users in batches:
        at = begin + len(expected)
        numbering.deal(batch(users, at))
        expected |= {at + place: user for place, user in enumerate(users)}
    told, counted = found(numbering)
    assert told == expected
    assert counted == sorted(expected.values())


def test_many_users_and_long_ids_find_room() -> None:
    users = [f"user-{number % 30_000}" for number in range(90_000)]
    users[60_000] = "long" * 100_000
    numbering = Numbering()
    for begin in range(0, len(users), 20_000):
        numbering.deal(batch(users[begin : begin + 20_000], begin))
    told, _ = found(numbering)
    assert [told[number] for number in range(len(users))] == users


def test_ids_that_share_a_hash_are_not_mixed_up() -> None:
    """The table is handed records whose hashes are all the same, as no honest ids' are."""
    users = ["ann", "bob", "ann", "ann\0", "cy" * 9, "bob", "cy" * 9]
    records = []
    for user in users:
        text = user.encode()
        padded = text + bytes(-len(text) % 8)
        records += [77 << 32 | 5, 0, len(text) << 16, *np.frombuffer(padded, "<u8").tolist()]
    room = len(records)
    hashes, words = np.zeros(room, np.uint64), np.zeros(room, np.uint64)
    id_first, lengths, counts = (np.zeros(room + 1, np.int64) for _ in range(3))
    numbers, key = np.zeros(len(users), np.int32), np.zeros(len(users), np.int64)
    row, _, known = arrival.number(
        *(np.array(records, np.uint64), 0, 0, 0, 8, np.zeros(16, np.uint64), hashes, words),
        *(id_first, lengths, counts, numbers, key, key.astype(np.int16)),
    )
    assert (row, known) == (len(users), 4)
    assert numbers.tolist() == [0, 1, 0, 2, 3, 1, 3]
    assert counts[:4].tolist() == [2, 2, 1, 2]


@settings(max_examples=at_most(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    happened=st.lists(
        st.tuples(
            st.sampled_from(["ann", "bob", "user-of-some-length"]),
            st.sampled_from([EventType.SESSION, EventType.OPT_OUT]),
            st.integers(-3, 3),
            st.sampled_from([None, "UTC", "Europe/Berlin", "Nowhere/Yet"]),
        ),
        max_size=30,
    ),
    seed=st.integers(0, 9),
)
def test_a_log_in_any_order_is_the_same_history(
    empty_log: Log, happened: list[tuple[str, EventType, int, str | None]], seed: int
) -> None:
    shuffled = list(happened)
    Random(seed).shuffle(shuffled)
    one, other = (stored_history(empty_log, order) for order in (happened, shuffled))
    assert one == other
    users = [user for user, *_ in happened]
    assert one["users"] == sorted(set(users))
    assert np.diff(one["first"]).tolist() == [users.count(user) for user in one["users"]]
    for begin, end in zip(one["first"][:-1], one["first"][1:], strict=True):
        assert one["key"][begin:end] == sorted(one["key"][begin:end])


def stored_history(
    log: Log, happened: Sequence[tuple[str, EventType, int, str | None]]
) -> dict[str, Any]:
    tenant = TenantId(f"tenant-{next(_numbers)}")
    events = [
        Event(f"{number}", UserId(user), kind, NOW + timedelta(minutes=at), timezone=zone)
        for number, (user, kind, at, zone) in enumerate(happened)
    ]
    with log.appender() as appender:
        appender.append(tenant, event_table(events))
    with log.reader(tenant) as reader:
        past = read_history(reader, Target(timedelta(minutes=30)))
    return {
        "users": past.users.to_pylist(),
        "zones": past.zones,
        **{name: getattr(past, name).tolist() for name in ("first", "key", "zone")},
    }


_numbers = iter(range(10**9))
