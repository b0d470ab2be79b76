"""Where a user may live: the rhythm that turns with them, and a set of offsets that holds true."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sendopt.features.inferred_zone import (
    LEAST_CONFIDENCE,
    MOST_OFFSETS,
    OFFSETS,
    InferredZone,
    common_rhythms,
    infer_zones,
    learn_rhythms,
    narrow,
    offset_index,
    posterior,
)
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

TENANT = TenantId("default")
AS_OF = datetime(2026, 10, 1, tzinfo=UTC)
EVENLY = np.full(24, 1 / 24)


def town(rng: np.random.Generator, count: int, hours: int) -> NDArray[np.float64]:
    """Presence by local hour of people with a rhythm of their own around one of the common ones."""
    rhythms = common_rhythms()
    mine = rhythms.share[rng.choice(4, count, p=rhythms.weight)]
    own = np.array([rng.dirichlet(10 * share) for share in mine])
    return np.array([rng.multinomial(hours, share) for share in own], float)


def in_utc(local: NDArray[np.float64], offset: NDArray[np.int_]) -> NDArray[np.float64]:
    return np.array([np.roll(row, -hours) for row, hours in zip(local, offset, strict=True)])


@given(
    presence=st.lists(st.integers(0, 40), min_size=24, max_size=24).filter(any),
    later=st.integers(0, 23),
)
def test_who_does_everything_later_lives_further_west(presence: list[int], later: int) -> None:
    seen = np.array([presence, np.roll(presence, later)], float)
    here, there = posterior(seen, common_rhythms(), EVENLY)
    assert there == pytest.approx(np.roll(here, -later))
    assert here.sum() == pytest.approx(1)


def test_the_offsets_that_are_kept_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    known = town(rng, 600, 60)
    rhythms = learn_rhythms(known)
    truth = rng.integers(-11, 13, 2_000)
    chances = posterior(in_utc(town(rng, 2_000, 60), truth), rhythms, EVENLY)
    held = [
        int(offset) * 60 in zone.offsets
        for zone, offset in zip(narrow(chances), truth, strict=True)
        if zone is not None
    ]
    assert len(held) > 500
    # One standard error is below 0.015; too high a confidence would wake people.
    assert np.mean(held) > LEAST_CONFIDENCE - 0.03


def test_learned_clocks_are_those_that_people_live_by() -> None:
    rng = np.random.default_rng(4)
    learned = learn_rhythms(town(rng, 2_000, 200))
    expected = common_rhythms()
    assert learned.weight @ learned.share == pytest.approx(
        expected.weight @ expected.share, abs=0.005
    )


def test_who_was_never_seen_lives_where_the_others_do() -> None:
    others = np.arange(1.0, 25.0) / 300.0
    assert posterior(np.zeros((1, 24)), common_rhythms(), others)[0] == pytest.approx(others)


def test_nothing_is_claimed_of_somebody_who_never_sleeps() -> None:
    chances = posterior(np.full((1, 24), 30.0), common_rhythms(), EVENLY)
    assert narrow(chances) == [None]


def test_the_fewest_offsets_are_kept() -> None:
    chances = np.zeros(24)
    chances[[3, 9, 10]] = 0.05, 0.35, 0.6
    zone, nothing = narrow(np.array([chances, np.full(24, 1 / 24)]))
    assert zone is not None
    assert zone.offsets == (int(OFFSETS[9]) * 60, int(OFFSETS[10]) * 60)
    assert zone.confidence == pytest.approx(0.95)
    assert nothing is None
    assert MOST_OFFSETS < 24 * LEAST_CONFIDENCE


@pytest.mark.parametrize(
    ("zone", "hours"),
    [
        ("UTC", 0),
        ("Asia/Tokyo", 9),
        ("America/New_York", -4),
        ("Asia/Kolkata", 6),  # half past five: the nearest even hour
        ("Pacific/Auckland", -11),  # +13 in October: the same hours of a day, a day apart
    ],
)
def test_offsets_are_whole_hours_as_of_now(zone: str, hours: int) -> None:
    assert OFFSETS[offset_index(zone, AS_OF)] == hours


def lived(
    rng: np.random.Generator,
    user: str,
    presence: NDArray[np.float64],
    zone: str | None,
    kind: EventType = EventType.SESSION,
) -> list[Event]:
    """Events at so many UTC hours of the last 80 days."""
    return [
        Event(
            event_id=f"{user}-{number}",
            user_id=UserId(user),
            event_type=kind,
            occurred_at=AS_OF
            - timedelta(days=int(rng.integers(1, 80)))
            + timedelta(hours=int(hour)),
            send_id=None if kind is EventType.SESSION else SendId(f"s-{user}-{number}"),
            timezone=zone,
        )
        for number, hour in enumerate(np.repeat(np.arange(24), presence.astype(int)))
    ]


def append(log: Log, events: list[Event]) -> None:
    with log.appender() as appender:
        appender.append(TENANT, event_table(events))


def test_the_log_tells_of_those_whom_nothing_else_tells_of(empty_log: Log) -> None:
    """Two hundred known users in Tokyo; one stranger lives like them, one answers pushes only."""
    rng = np.random.default_rng(8)
    local = in_utc(town(rng, 202, 40), np.full(202, 9))
    events = [
        event
        for number, row in enumerate(local[:200])
        for event in lived(rng, f"known-{number}", row, "Asia/Tokyo")
    ]
    events += lived(rng, "stranger", local[200], None)
    events += lived(rng, "answers-only", local[201], None, EventType.OPEN)
    append(empty_log, events)
    with empty_log.reader(TENANT) as reader:
        found = infer_zones(
            reader, ["stranger", "answers-only", "nobody"], as_of=AS_OF, tenant_zone="UTC"
        )
        before, long_after = (
            infer_zones(reader, ["stranger"], as_of=AS_OF + timedelta(days=days), tenant_zone="UTC")
            for days in (-90, 120)
        )
    assert set(found) == {"stranger"}
    assert 9 * 60 in found["stranger"].offsets
    assert found["stranger"].confidence >= LEAST_CONFIDENCE
    assert before == {}
    assert long_after == {}, "people move: what was known has been forgotten"


def test_strangers_live_by_the_clocks_of_those_who_are_known(empty_log: Log) -> None:
    """Known users live in Tokyo and in New York, on their own rhythms; so do the strangers."""
    rng = np.random.default_rng(9)
    homes = {"Asia/Tokyo": 9, "America/New_York": -4}
    events = []
    for zone, hours in homes.items():
        for number, row in enumerate(in_utc(town(rng, 150, 60), np.full(150, hours))):
            name, told = (f"known-{zone}", zone) if number < 110 else (f"{hours}", None)
            events += lived(rng, f"{name}/{number}", row, told)
            if told is not None:  # they came from elsewhere
                old = AS_OF - timedelta(days=85)
                user = UserId(f"{name}/{number}")
                came = Event(f"{user}-0-old", user, EventType.SESSION, old, timezone="Asia/Dubai")
                events.append(came)
    append(empty_log, events)
    strangers = [f"{hours}/{number}" for hours in homes.values() for number in range(110, 150)]
    with empty_log.reader(TENANT) as reader:
        found = infer_zones(reader, strangers, as_of=AS_OF, tenant_zone="Europe/Berlin")
    right = [int(user.split("/")[0]) * 60 in zone.offsets for user, zone in found.items()]
    assert len(right) > 40
    assert np.mean(right) > 0.85


def test_few_sessions_are_read_with_the_tenants_zone_in_mind(empty_log: Log) -> None:
    rng = np.random.default_rng(10)
    people = in_utc(town(rng, 100, 40), np.full(100, 9))
    append(
        empty_log,
        [
            event
            for number, row in enumerate(people)
            for event in lived(rng, str(number), row, None)
        ],
    )
    with empty_log.reader(TENANT) as reader:
        there, elsewhere = (
            infer_zones(reader, [str(n) for n in range(100)], as_of=AS_OF, tenant_zone=zone)
            for zone in ("Asia/Tokyo", "America/New_York")
        )
    right = [sum(9 * 60 in zone.offsets for zone in found.values()) for found in (there, elsewhere)]
    assert right[0] > right[1]


def test_what_is_known_of_now_does_not_change_later(empty_log: Log) -> None:
    """Being there twice in an hour says no more than once; what comes later says nothing."""
    rng = np.random.default_rng(11)
    rows = in_utc(town(rng, 260, 40), np.full(260, 9))
    users = [str(number) for number in range(210, 260)]

    def infer() -> dict[str, InferredZone]:
        with empty_log.reader(TENANT) as reader:
            return infer_zones(reader, users, as_of=AS_OF, tenant_zone="UTC")

    events = [
        event
        for number, row in enumerate(rows)
        for event in lived(rng, str(number), row, "Asia/Tokyo" if number < 210 else None)
    ]
    append(empty_log, events)
    found = infer()
    again = [
        replace(event, event_id=f"{event.event_id}-again", occurred_at=event.occurred_at + minute)
        for event in events
        for minute in (timedelta(minutes=7), timedelta(minutes=31))
    ]
    moved = [
        replace(
            event,
            event_id=f"{event.event_id}-later",
            occurred_at=event.occurred_at + timedelta(days=90, hours=11),
            timezone="America/New_York",
        )
        for event in events
    ]
    append(empty_log, [*again, *moved])
    assert infer() == found
    assert len(found) > 10
