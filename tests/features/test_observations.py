"""Every send with its answer, and every presence, whoever shares an instant or an id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.features import AsOfView, Target, Viewpoints
from sendopt.features.as_of.viewpoints import INSTANT
from sendopt.log import EVENT_SCHEMA, Log, Reader, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
TARGET = Target(timedelta(minutes=90))
USERS = ("ann", "bob")
ORACLE = (Path(__file__).parent / "oracle" / "observation.sql").read_text()
COLUMNS = ("is_session", "latency_stage", "happened_us", "known_us", "cell", "propensity")

# Few instants and few sends: several of everything at one instant, under one id, of two users.
happenings = st.lists(
    st.tuples(
        st.sampled_from(USERS),
        st.sampled_from([EventType.SEND, EventType.SEND, EventType.OPEN, EventType.SESSION]),
        st.sampled_from([-90, -1, 0, 1, 14, 15, 44, 45, 89, 90, 91]),  # minutes from NOW
        st.sampled_from([None, "1", "2", "3"]),  # the send
        st.sampled_from([None, 0.01, 0.3]),
    ),
    min_size=10,
    max_size=80,
)


def events(found: Sequence[tuple[str, EventType, int, str | None, float | None]]) -> list[Event]:
    return [
        Event(
            f"{number:03}",
            UserId(user),
            event_type,
            NOW + timedelta(minutes=at),
            send_id=None if event_type is EventType.SESSION or send is None else SendId(send),
            propensity=propensity if event_type is EventType.SEND else None,
        )
        for number, (user, event_type, at, send, propensity) in enumerate(found)
    ]


def stored(log: Log, table: pa.Table) -> TenantId:
    """Give every log a tenant of its own."""
    tenant = TenantId(f"tenant-{next(_numbers)}")
    with log.appender() as appender:
        appender.append(tenant, table)
    return tenant


_numbers = iter(range(10**9))


def rows(observations: pa.Table) -> list[tuple[Any, ...]]:
    values = [observations[name].to_pylist() for name in COLUMNS]
    return list(zip(observations["user_id"].cast(pa.string()).to_pylist(), *values, strict=True))


def looked(reader: Reader) -> list[tuple[Any, ...]]:
    return rows(
        reader.query(
            "observation",
            ORACLE,
            {name: TARGET.params[name] for name in ("outcome", "window_us", "early_us")},
        )
    )


@settings(max_examples=at_most(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=happenings, order=st.randoms(use_true_random=False))
def test_sends_of_one_instant_keep_their_own_outcomes(
    empty_log: Log,
    found: list[tuple[str, EventType, int, str | None, float | None]],
    order: Any,
) -> None:
    some = events(found)
    again = order.sample(some, len(some))
    told = []
    for each in (some, again):
        with empty_log.reader(stored(empty_log, event_table(each))) as reader:
            told.append(rows(AsOfView(reader, TARGET).observations))
            assert Counter(told[-1]) == Counter(looked(reader))
            with reader.of_user(UserId("ann")) as own:
                alone = [row for row in rows(AsOfView(own, TARGET).observations) if row[0] == "ann"]
            assert alone == [row for row in told[-1] if row[0] == "ann"]
    assert told[0] == told[1]
    in_time = [(row[0], row[3]) for row in told[0]]
    assert in_time == sorted(in_time)


@pytest.mark.slow
def test_a_large_log_says_the_same_in_parts(empty_log: Log) -> None:
    """More events than are placed at once, more users than one thread works on."""
    rng = np.random.default_rng(0)
    many, users = 300_000, 3_000
    send = np.arange(many) % 10 == 0
    answers = np.arange(many) % 10 == 1  # of the send before
    user = rng.integers(users, size=many)
    user[answers] = user[np.flatnonzero(answers) - 1]
    at = np.arange(many) * 20_000_000 + 1_700_000_000_000_000
    named = np.where(answers, np.arange(many) - 1, np.arange(many))
    columns = {
        "event_id": [str(each) for each in range(many)],
        "user_id": [f"user-{each}" for each in user],
        "event_type": np.where(send, "send", np.where(answers, "open", "session")),
        "occurred_at": pa.array(at).cast(INSTANT),
        "send_id": pa.array([str(each) for each in named], mask=~(send | answers)),
        "timezone": np.where(user % 2 == 0, "Asia/Tokyo", "Africa/Cairo"),
        "attributes": ["{}"] * many,
        "propensity": pa.array(np.full(many, 0.5), mask=~send | (user % 3 > 0)),
    }
    table = pa.table(
        [
            pa.array(columns[field.name]).cast(field.type)
            if field.name in columns
            else pa.nulls(many, field.type)
            for field in EVENT_SCHEMA
        ],
        schema=EVENT_SCHEMA,
    )
    with empty_log.reader(stored(empty_log, table)) as reader:
        view = AsOfView(reader, TARGET)
        assert rows(view.observations) == looked(reader)
        asked = rng.integers(users + 100, size=4_000)  # some of them strangers, in no order
        as_of = pa.array(rng.choice(at, size=4_000)).cast(INSTANT)
        seen = Viewpoints(pa.array([f"user-{each}" for each in asked]), as_of)
        half_life = timedelta(days=9)
        known = view.user_features(seen)
        found = view.user_evidence(seen, half_life=half_life)
        for first in range(0, 4_000, 500):  # so few are done in one thread
            some = seen.slice(first, 500)
            part = view.user_evidence(some, half_life=half_life)
            np.testing.assert_array_equal(part.sessions, found.sessions[first : first + 500])
            np.testing.assert_array_equal(part.sends, found.sends[first : first + 500])
            np.testing.assert_array_equal(part.answers, found.answers[first : first + 500])
            np.testing.assert_array_equal(view.user_features(some), known[first : first + 500])
    assert found.sends.sum() > 0
