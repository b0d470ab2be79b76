"""Scores of candidates and of the hours of the week say the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from untrained import noise, rebuilt, untrained

from sendopt.errors import InvalidInput
from sendopt.features import MOMENT_FEATURES, USER_FEATURES, AsOfView
from sendopt.learn import ServableModel
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId
from sendopt.score import SLOTS_A_WEEK, score_candidates, score_slots, score_weeks

SHOP = TenantId("shop")
MONDAY = datetime(2026, 9, 28, tzinfo=UTC)


@pytest.fixture
def model() -> ServableModel:
    return untrained(until=MONDAY, label_source="activity")


@pytest.fixture
def evenings(empty_log: Log) -> Log:
    """Ann of Auckland is active every evening at nine, everybody else at noon."""
    events = []
    for day in range(40):
        for user, zone, utc_hour in (("ann", "Pacific/Auckland", 9), ("bob", "UTC", 12)):
            at = MONDAY - timedelta(days=day + 1) + timedelta(hours=utc_hour)
            events.append(
                Event(f"{user}-{day}", UserId(user), EventType.SESSION, at, timezone=zone)
            )
    with empty_log.appender() as appender:
        appender.append(SHOP, event_table(events))
    return empty_log


def test_every_user_has_every_hour_once(model: ServableModel, evenings: Log) -> None:
    with evenings.reader(SHOP) as reader:
        everybody = score_slots(model, AsOfView(reader, model.target), as_of=MONDAY)
        asked = score_slots(
            model, AsOfView(reader, model.target), as_of=MONDAY, user_ids=["stranger", "ann"]
        )
        nobody = score_slots(model, AsOfView(reader, model.target), as_of=MONDAY, user_ids=[])
        early = score_slots(
            model, AsOfView(reader, model.target), as_of=MONDAY - timedelta(days=400)
        )
    assert everybody["user_id"].to_pylist() == ["ann"] * SLOTS_A_WEEK + ["bob"] * SLOTS_A_WEEK
    slots = set(zip(*(everybody[c].to_pylist() for c in everybody.column_names[:3]), strict=True))
    assert len(slots) == 2 * SLOTS_A_WEEK
    assert asked.slice(SLOTS_A_WEEK).equals(everybody.slice(0, SLOTS_A_WEEK))
    assert len(nobody) == len(early) == 0


@pytest.mark.parametrize("beside_her", [0, 40])
@pytest.mark.parametrize("trees_read", [None, USER_FEATURES, USER_FEATURES + MOMENT_FEATURES])
def test_an_hour_of_the_week_scores_like_the_instant_at_it(
    model: ServableModel, evenings: Log, trees_read: tuple[str, ...] | None, beside_her: int
) -> None:
    """Auckland is 13 hours ahead of UTC in October, 12 in early September."""
    instants = [MONDAY + timedelta(hours=hour) for hour in range(168)]
    decisions = pa.table(
        {
            "decision_id": ["d"] * 168,
            "user_id": ["ann"] * 168,
            "as_of": pa.array([MONDAY] * 168),
            "candidate_at": pa.array(instants),
        }
    )
    if trees_read is not None:
        model = rebuilt(model, booster=noise(trees_read), trees_rank=trees_read != USER_FEATURES)
    asked = ["ann", *(f"stranger-{number}" for number in range(beside_her))]
    with evenings.reader(SHOP) as reader:
        slots = score_slots(model, AsOfView(reader, model.target), as_of=MONDAY, user_ids=asked)
        scores = score_candidates(model, AsOfView(reader, model.target), decisions)
    by_slot = slots["open_probability"].to_pylist()
    for hour, score in enumerate(scores["open_probability"].to_pylist()):
        assert score == pytest.approx(by_slot[(hour + 13) % 168], rel=1e-5)
    if trees_read is not None:
        return
    best = max(range(24), key=lambda hour: by_slot[hour])
    assert best in (20, 21, 22)


@pytest.mark.parametrize("beside_her", [0, 40])
def test_the_weekend_of_a_week_is_that_of_the_zone(
    model: ServableModel, empty_log: Log, beside_her: int
) -> None:
    """Dina of Cairo sleeps long on Fridays and Saturdays, and only then."""
    events = []
    for day in range(40):
        begin = MONDAY - timedelta(days=day + 1)
        at = begin + timedelta(hours=11 if begin.weekday() in {4, 5} else 5)
        events.append(
            Event(f"dina-{day}", UserId("dina"), EventType.SESSION, at, timezone="Africa/Cairo")
        )
    with empty_log.appender() as appender:
        appender.append(SHOP, event_table(events))
    asked = ["dina", *(f"stranger-{number}" for number in range(beside_her))]
    with empty_log.reader(SHOP) as reader:
        slots = score_slots(model, AsOfView(reader, model.target), as_of=MONDAY, user_ids=asked)
    week = slots["open_probability"].to_numpy()[:SLOTS_A_WEEK].reshape(7, 24)
    assert week.argmax(axis=1).tolist() == pytest.approx([8, 8, 8, 8, 14, 14, 8], abs=1)


def test_another_window_moves_every_hour_and_no_order(model: ServableModel, evenings: Log) -> None:
    with evenings.reader(SHOP) as reader:
        learned = score_slots(model, AsOfView(reader, model.target), as_of=MONDAY)[
            "open_probability"
        ].to_numpy()
        asked = model.within(timedelta(hours=2))
        longer = score_slots(asked, AsOfView(reader, asked.target), as_of=MONDAY)[
            "open_probability"
        ].to_numpy()
    np.testing.assert_allclose(longer, 1.0 - (1.0 - learned) ** 4, rtol=1e-4)  # a steady hazard
    assert (np.argsort(longer, kind="stable") == np.argsort(learned, kind="stable")).mean() > 0.9


def test_a_view_that_looks_for_other_answers_is_refused(
    model: ServableModel, evenings: Log
) -> None:
    clicks = replace(model.target, outcome=EventType.CLICK)
    with evenings.reader(SHOP) as reader, pytest.raises(InvalidInput) as refused:
        score_slots(model, AsOfView(reader, clicks), as_of=MONDAY)
    assert refused.value.code == "wrong_target"


def test_a_week_has_the_same_bits_on_any_number_of_threads_and_in_any_company(
    model: ServableModel, evenings: Log
) -> None:
    model = rebuilt(model, booster=noise(USER_FEATURES), trees_rank=False)
    strangers = [f"stranger-{number}" for number in range(2_500)]
    users = pa.array([*strangers[:1_700], "ann", "bob", *strangers[1_700:]])
    with evenings.reader(SHOP) as reader:
        view = AsOfView(reader, model.target)
        told = [
            np.vstack(
                [
                    weeks.logit
                    for weeks in score_weeks(model, view, asked, as_of=MONDAY, threads=threads)
                ]
            )
            for asked, threads in ((users, 1), (users, 3), (users.slice(1_690), 2))
        ]
    np.testing.assert_array_equal(told[0], told[1])
    np.testing.assert_array_equal(told[0][1_690:], told[2])
