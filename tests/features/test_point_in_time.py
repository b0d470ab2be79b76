"""What is known as of t is the same whatever happens from t on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sendopt.features import LATE_AGES, AsOfView, Target, microseconds, viewpoints
from sendopt.log import Log, Reader, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

AS_OF = datetime(2026, 3, 29, 12, tzinfo=UTC)
TARGET = Target(timedelta(minutes=30))
USERS = ("ann", "bob")
ZONES = (None, "UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland")

instants = st.integers(-15 * 1440, 2 * 1440).map(lambda minutes: AS_OF + timedelta(minutes=minutes))
happenings = st.tuples(
    st.sampled_from(USERS),
    st.sampled_from([EventType.SEND, EventType.OPEN, EventType.SESSION, EventType.DISMISSAL]),
    instants,
    st.integers(0, 5),
    st.sampled_from(ZONES),
)


def events(found: Sequence[tuple[str, EventType, datetime, int, str | None]]) -> list[Event]:
    return [
        Event(
            f"{number}-{event_type}-{at.isoformat()}-{user}-{zone}",
            UserId(user),
            event_type,
            at,
            send_id=None if event_type is EventType.SESSION else SendId(f"{user}-{number}"),
            timezone=zone,
        )
        for user, event_type, at, number, zone in dict.fromkeys(found)
    ]


def known(reader: Reader) -> list[NDArray[np.float64]]:
    """Everything that a model may read as of AS_OF."""
    users = pa.chunked_array([pa.array([*USERS, "unknown"])])
    as_of = pa.chunked_array([pa.array([AS_OF] * 3, pa.timestamp("us", tz="UTC"))])
    seen, number = viewpoints(users, as_of)
    view = AsOfView(reader, TARGET)
    half_life = timedelta(days=10)
    mine = view.user_evidence(seen, half_life=half_life)
    everybody, row = view.population_evidence(seen, half_life=half_life)
    everybody = everybody.rows(row)
    tomorrow = pa.chunked_array([pa.array([AS_OF + timedelta(hours=20)] * 3)])
    hazard = np.ones(LATE_AGES)
    late = view.user_late_evidence(seen, hazard=hazard, half_life=half_life)
    day = np.array([microseconds(AS_OF) // 86_400_000_000])
    everybodys_late = view.population_late_evidence(day, hazard=hazard, half_life=half_life)
    local = view.moments(seen, number, tomorrow)
    return [
        *(mine.sessions, mine.sends, mine.opens),
        *(everybody.sessions, everybody.sends, everybody.opens),
        *(late.answers, late.expected, everybodys_late.answers, everybodys_late.expected),
        view.user_features(seen),
        local.day_of_week.astype(np.float64),
        local.minute_of_day.astype(np.float64),
    ]


@settings(
    max_examples=at_most(8),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    found=st.lists(happenings, max_size=30),
    other_future=st.lists(happenings, max_size=10),
)
def test_the_future_changes_nothing(
    empty_log: Log,
    found: list[tuple[str, EventType, datetime, int, str | None]],
    other_future: list[tuple[str, EventType, datetime, int, str | None]],
) -> None:
    past = [event for event in events(found) if event.occurred_at < AS_OF]
    futures = [
        [event for event in events(found) if event.occurred_at >= AS_OF],
        [event for event in events(other_future) if event.occurred_at >= AS_OF],
    ]
    views = []
    for number, future in enumerate(futures):
        # Every example its own tenants: they share one log.
        tenant = TenantId(f"{number}-{abs(hash((str(past), str(futures))))}")
        with empty_log.appender() as appender:
            appender.append(tenant, event_table([*past, *future]))
        with empty_log.reader(tenant) as reader:
            views.append(known(reader))
    for view in views[1:]:
        for expected, found_now in zip(views[0], view, strict=True):
            np.testing.assert_array_equal(found_now, expected)


def append(log: Log, *found: Event) -> None:
    with log.appender() as appender:
        appender.append(TenantId("shop"), event_table(found))


def evidence_of(log: Log, user: str, as_of: datetime) -> tuple[float, float, float]:
    with log.reader(TenantId("shop")) as reader:
        seen, _ = viewpoints(
            pa.chunked_array([pa.array([user])]), pa.chunked_array([pa.array([as_of])])
        )
        found = AsOfView(reader, TARGET).user_evidence(seen, half_life=timedelta(days=100_000))
    return (
        round(float(found.sessions.sum()), 2),
        round(float(found.sends.sum()), 2),
        round(float(found.opens.sum()), 2),
    )


@pytest.mark.parametrize(
    ("open_after_minutes", "seen_after_minutes", "sends", "opens"),
    [
        (10, 29, 0, 0),  # opened, but a send that was not would not be known yet
        (10, 30, 1, 1),
        (29, 30, 1, 1),
        (30, 60, 1, 0),  # the window is half open
        (-5, 60, 1, 1),  # clocks differ
        (-6, 60, 1, 0),  # but not by so much
    ],
)
def test_a_send_counts_once_its_window_has_closed(
    empty_log: Log, open_after_minutes: int, seen_after_minutes: int, sends: int, opens: int
) -> None:
    sent = datetime(2026, 10, 1, 9, tzinfo=UTC)
    ann, s1 = UserId("ann"), SendId("s1")
    append(
        empty_log,
        Event("1", ann, EventType.SEND, sent, send_id=s1),
        Event("2", ann, EventType.OPEN, sent + timedelta(minutes=open_after_minutes), send_id=s1),
    )
    as_of = sent + timedelta(minutes=seen_after_minutes)
    assert evidence_of(empty_log, "ann", as_of) == (0, sends, opens)


def test_an_event_at_as_of_is_not_known_yet(empty_log: Log) -> None:
    at = datetime(2026, 10, 1, 9, tzinfo=UTC)
    append(empty_log, Event("1", UserId("ann"), EventType.SESSION, at))
    assert evidence_of(empty_log, "ann", at) == (0, 0, 0)
    assert evidence_of(empty_log, "ann", at + timedelta(microseconds=1)) == (1, 0, 0)
