"""Alarms that stay silent while nothing moves, and ring when something does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trained import trained

from sendopt.evaluate.chance import calibration_test
from sendopt.evaluate.drift import psi, rate_shift, shape_shift, share_shift
from sendopt.learn.judging.drift import ALARMS, FALSE_ALARMS, drift
from sendopt.learn.model.model import ServableModel
from sendopt.log import Log
from sendopt.records import TenantId

ALL, SHIFTED, TIRED = TenantId("all"), TenantId("shifted"), TenantId("tired")
TAUGHT_UNTIL = datetime(2025, 3, 9, tzinfo=UTC)
NOW = datetime(2025, 3, 16, tzinfo=UTC)


def a_week(
    rng: np.random.Generator, users: int, *, shift: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Events by two-hour bin of each user, and sends with their true probability and answer.

    Users differ in how many sends they get, at which hours, and in how they answer in this week:
    their answers hang together, as those of real users do.
    """
    sends = rng.poisson(8, users) + 1
    favourite = rng.integers(0, 12, users) + shift
    hours = np.zeros((users, 12))
    user = np.repeat(np.arange(users), sends)
    near = favourite[user] + rng.integers(-2, 3, len(user))
    np.add.at(hours, (user, near % 12), 1.0)
    probability = rng.beta(2, 5, users)[user]
    mood = rng.normal(0.0, 0.5, users)[user]
    logit = np.log(probability / (1 - probability))
    answered = (rng.random(len(user)) < 1 / (1 + np.exp(-(logit + mood)))).astype(float)
    # What a calibrated model says: the mean over moods, which it cannot know.
    moods = np.linspace(-1.5, 1.5, 31)
    weight = np.exp(-0.5 * (moods / 0.5) ** 2)
    said = (1 / (1 + np.exp(-(logit[:, None] + moods)))) @ weight / weight.sum()
    return hours, user, said, answered


def test_hours_in_which_nothing_ever_happens_do_not_count_as_moved() -> None:
    rng = np.random.default_rng(5)
    before, after = rng.poisson(5.0, (40, 6)) * 1.0, rng.poisson(0.5, (40, 6)) * 1.0
    nights = ((0, 0), (0, 6))
    moved = shape_shift(np.pad(before, nights), np.pad(after, nights), level=0.01)
    assert moved == shape_shift(before, after, level=0.01)


def test_without_drift_all_alarms_together_ring_in_one_week_of_a_hundred() -> None:
    rng = np.random.default_rng(3)
    level, weeks = FALSE_ALARMS / len(ALARMS), 300
    rung = 0
    for _ in range(weeks):
        before, *_ = a_week(rng, 150)
        after, user, said, answered = a_week(rng, 150)
        new, old = rng.random(150) < 0.1, rng.random(150) < 0.1
        calibration = calibration_test(answered, said, user, level=level, rng=rng)
        rung += (
            shape_shift(before, after, level=level).beyond_chance
            or shape_shift(before[:80], after[:70], level=level).beyond_chance
            or calibration.error > calibration.by_chance
            or rate_shift(answered, said, user, level=level).beyond_chance
            or share_shift(old, new, level=level).value
            > share_shift(old, new, level=level).by_chance
        )
    # 3 of 300 are promised; 8 or more would come by luck in 1 % of all runs.
    assert rung < 8


def test_few_users_ring_no_more_often_than_many() -> None:
    """What is known of 25 users' spread is little, and chance goes further for that."""
    rng = np.random.default_rng(6)
    level, weeks = 0.01, 4000
    hours = answers = 0
    for _ in range(weeks):
        before, *_ = a_week(rng, 25)
        after, user, said, answered = a_week(rng, 25)
        hours += shape_shift(before, after, level=level).beyond_chance
        answers += rate_shift(answered, said, user, level=level).beyond_chance
    # 40 are promised of each; 58 or more would come by luck in one of 400 runs.
    assert max(hours, answers) < 58, (hours, answers)


def test_users_who_repeat_themselves_count_less() -> None:
    """With independent rows assumed, chance would ring nearly every week."""
    rng = np.random.default_rng(4)
    naive = 0
    for _ in range(50):
        before, after = (9.0 * a_week(rng, 100)[0] for _ in range(2))
        n, m = before.sum(), after.sum()
        naive += psi(before.sum(axis=0), after.sum(axis=0)) * n * m / (n + m) > 24.7
        assert not shape_shift(before, after, level=1e-4).beyond_chance
    assert naive > 25


@given(st.integers(1, 6), st.integers(0, 1000))
def test_moved_hours_are_found(shift: int, seed: int) -> None:
    """Everybody lives in one part of the day, and then in another."""
    rng = np.random.default_rng(seed)
    before, after = np.zeros((200, 12)), np.zeros((200, 12))
    for counts, middle in ((before, 4), (after, 4 + shift)):
        for user in counts:
            np.add.at(user, (middle + rng.integers(-1, 2, 10)) % 12, 1.0)
    assert shape_shift(before, after, level=0.001).beyond_chance
    assert not shape_shift(before[:10], after, level=0.001).beyond_chance, "too few users to tell"


@pytest.fixture(scope="module")
def moved(studies: Log, make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    """The studies as they were, with the last week three hours later, with fewer answers in it."""
    with studies.reader(ALL) as reader:
        events = reader.query("all", "select * from event order by occurred_at, event_id")
    late = pc.greater_equal(events["occurred_at"], pa.scalar(TAUGHT_UNTIL))
    later = pc.add(events["occurred_at"], pa.scalar(timedelta(hours=3)))
    place = events.column_names.index("occurred_at")
    shifted = events.set_column(
        place, "occurred_at", pc.if_else(late, later, events["occurred_at"])
    )
    unanswered = pc.and_(late, pc.equal(events["event_type"], "open"))
    unanswered = pc.and_(unanswered, pa.array(np.arange(len(events)) % 10 == 0))
    with make_log() as log:
        with log.appender() as appender:
            appender.append(ALL, events)
            appender.append(TIRED, events.filter(pc.invert(unanswered)))
            appender.append(SHIFTED, shifted)
        yield log


@pytest.fixture(scope="module")
def fresh(moved: Log) -> ServableModel:
    """A model of the time at which it is looked at."""
    with moved.reader(ALL) as reader:
        return trained(reader, until=NOW, judged=True).model


@pytest.fixture(scope="module")
def former(moved: Log) -> ServableModel:
    """A model of the week before, when both tenants were still the same."""
    with moved.reader(ALL) as reader:
        return trained(reader, until=TAUGHT_UNTIL, judged=True).model


def test_nothing_rings_that_has_not_moved(moved: Log, fresh: ServableModel) -> None:
    """How well a model is calibrated is its own affair; what it was taught has not moved."""
    with moved.reader(ALL) as reader:
        report = drift(reader, fresh, now=NOW, seed=7)
    assert set(report.raised) <= {"calibration"}, report.alarms
    assert [alarm.name for alarm in report.alarms] == list(ALARMS)


def test_shifted_hours_ring(moved: Log, former: ServableModel) -> None:
    with moved.reader(SHIFTED) as reader:
        report = drift(reader, former, now=NOW, seed=7)
    assert {"send_hours", "answer_hours"} <= set(report.raised)


def test_people_who_answer_less_ring(moved: Log, former: ServableModel) -> None:
    """One in ten answers of the last week stays away."""
    with moved.reader(TIRED) as reader:
        report = drift(reader, former, now=NOW, seed=7)
    assert "answer_rate" in report.raised
    assert not {"send_hours", "answer_hours"} & set(report.raised)


def test_an_empty_week_rings_nothing_and_says_why(moved: Log, fresh: ServableModel) -> None:
    with moved.reader(ALL) as reader:
        report = drift(reader, fresh, now=NOW + timedelta(days=60), seed=7)
    assert report.raised == ()
    assert all(alarm.by_chance is None for alarm in report.alarms)
