"""How long answers take, and what that says of other windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.errors import InvalidInput
from sendopt.features import Target
from sendopt.learn.level_shape.delays import STAGES, Delays, observed_delays, of_individuals, steady
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

SHOP = TenantId("shop")
NOON = datetime(2026, 9, 28, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

windows = st.integers(1, 1440).map(lambda minutes: minutes * MINUTE)
hazards = st.lists(st.floats(0.001, 1.0), min_size=len(STAGES), max_size=len(STAGES)).map(
    lambda steps: Delays(tuple(np.cumsum(steps).tolist()))
)


@given(hazards, windows, windows, st.floats(0.001, 0.999))
def test_moving_there_and_back_changes_nothing(
    delays: Delays, one: timedelta, other: timedelta, p: float
) -> None:
    there = delays.move(np.array([p]), learned=one, window=other)
    assert (there[0] >= p) == (other >= one) or there[0] == pytest.approx(p)
    assert 0.0 < there[0] <= 1.0
    if there[0] < 1.0 - 1e-9:
        assert delays.move(there, learned=other, window=one)[0] == pytest.approx(p, rel=1e-5)


@given(hazards, windows, st.floats(0.01, 0.49), st.floats(0.51, 0.99))
def test_the_order_of_times_stays(
    delays: Delays, asked: timedelta, low: float, high: float
) -> None:
    moved = delays.move(np.array([low, high]), learned=30 * MINUTE, window=asked)
    assert moved[0] <= moved[1]


def test_the_share_of_answers_within_each_window_comes_out(empty_log: Log) -> None:
    """Of 100 sends 30 are answered at 10 minutes and 35 of the other 70 at 40 minutes."""
    events = []
    for number in range(100):
        send, at = f"s{number}", NOON + number * MINUTE
        user = UserId(f"u{number % 7}")
        events.append(Event(f"{send}-e", user, EventType.SEND, at, send_id=send))
        if number < 65:
            late = (10 if number < 30 else 40) * MINUTE
            events.append(Event(f"{send}-o", user, EventType.OPEN, at + late, send_id=send))
    with empty_log.appender() as appender:
        appender.append(SHOP, event_table(events))
    target = Target(30 * MINUTE)
    with empty_log.reader(SHOP) as reader:
        grown = observed_delays(reader, target, until=NOON + timedelta(days=3))
        young = observed_delays(reader, target, until=NOON + 100 * MINUTE)
    for minutes, share in ((15, 0.30), (30, 0.30), (60, 0.65), (1440, 0.65)):
        within = -np.expm1(-grown.within(minutes * MINUTE))
        assert within == pytest.approx(share, abs=0.03)
    # Sends that are still being waited for are not silence.
    assert -np.expm1(-young.within(15 * MINUTE)) == pytest.approx(30 / 85, abs=0.03)


def test_people_who_differ_are_not_taken_for_one() -> None:
    """Half answer with a hazard ten times that of the others; together they look impatient."""
    own = Delays(tuple(0.05 * (number + 1) for number in range(len(STAGES))))
    learned = 30 * MINUTE
    hazard = np.repeat([10.0, 1.0], 500)
    shares = [-np.expm1(-hazard * own.within(stage)).mean() for stage in STAGES]
    everybody = Delays(tuple(float(-np.log1p(-share)) for share in shares))
    p = -np.expm1(-hazard * own.within(learned))
    for stage, share in zip(STAGES, shares, strict=True):
        naive = everybody.move(p, learned=learned, window=stage).mean()
        right = of_individuals(everybody, p, learned=learned).move(p, learned=learned, window=stage)
        assert right.mean() == pytest.approx(share, abs=1e-6)
        if stage > learned:
            assert naive < share - 0.01


def test_without_answers_twice_the_window_is_twice_the_hazard() -> None:
    moved = steady().move(np.array([0.3]), learned=30 * MINUTE, window=60 * MINUTE)
    assert moved[0] == pytest.approx(1 - 0.7**2)


def test_a_window_beyond_what_was_learned_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 24 hours"):
        steady().within(timedelta(hours=25))
