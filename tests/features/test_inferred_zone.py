"""Where a user may live: the clock that turns with them, and a set of offsets that holds true."""

from __future__ import annotations

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
    common_clocks,
    infer_zones,
    learn_clocks,
    narrow,
    offset_index,
    posterior,
)
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

TENANT = TenantId("default")
AS_OF = datetime(2026, 10, 1, tzinfo=UTC)
EVENLY = np.full(24, 1 / 24)


def town(rng: np.random.Generator, count: int, hours: int) -> NDArray[np.float64]:
    """Presence by local hour of people with a clock of their own around one of the common ones."""
    clocks = common_clocks()
    mine = clocks.share[rng.choice(4, count, p=clocks.weight)]
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
    here, there = posterior(seen, common_clocks(), EVENLY)
    assert there == pytest.approx(np.roll(here, -later))
    assert here.sum() == pytest.approx(1)


def test_the_offsets_that_are_kept_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    known = town(rng, 600, 60)
    clocks = learn_clocks(known)
    truth = rng.integers(-11, 13, 2_000)
    chances = posterior(in_utc(town(rng, 2_000, 60), truth), clocks, EVENLY)
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
    learned = learn_clocks(town(rng, 2_000, 200))
    expected = common_clocks()
    assert learned.weight @ learned.share == pytest.approx(
        expected.weight @ expected.share, abs=0.005
    )


def test_nothing_is_claimed_of_somebody_who_never_sleeps() -> None:
    chances = posterior(np.full((1, 24), 30.0), common_clocks(), EVENLY)
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


def test_the_log_tells_of_those_whom_nothing_else_tells_of(empty_log: Log) -> None:
    """Two hundred known users in Tokyo; one stranger lives like them, one answers pushes only."""
    rng = np.random.default_rng(8)
    events = []

    def live(user: str, row: NDArray[np.float64], zone: str | None, kind: EventType) -> None:
        for hour in np.repeat(np.arange(24), row.astype(int)):
            day = int(rng.integers(1, 80))
            at = AS_OF - timedelta(days=day) + timedelta(hours=int(hour))
            events.append(
                Event(
                    event_id=f"{user}-{len(events)}",
                    user_id=UserId(user),
                    event_type=kind,
                    occurred_at=at,
                    send_id=None if kind is EventType.SESSION else f"s-{len(events)}",  # type: ignore[arg-type]
                    timezone=zone,
                )
            )

    local = in_utc(town(rng, 202, 40), np.full(202, 9))
    for number, row in enumerate(local[:200]):
        live(f"known-{number}", row, "Asia/Tokyo", EventType.SESSION)
    live("stranger", local[200], None, EventType.SESSION)
    live("answers-only", local[201], None, EventType.OPEN)
    with empty_log.appender() as appender:
        appender.append(TENANT, event_table(events))
    with empty_log.reader(TENANT) as reader:
        found = infer_zones(
            reader, ["stranger", "answers-only", "nobody"], as_of=AS_OF, tenant_zone="UTC"
        )
        before = infer_zones(
            reader, ["stranger"], as_of=AS_OF - timedelta(days=90), tenant_zone="UTC"
        )
    assert set(found) == {"stranger"}
    assert 9 * 60 in found["stranger"].offsets
    assert found["stranger"].confidence >= LEAST_CONFIDENCE
    assert before == {}
