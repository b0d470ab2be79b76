"""Alarms that stay silent while nothing moves, and ring when something does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trained import trained

from sendopt.evaluate.chance import BINS, calibration_test, equal_bins
from sendopt.evaluate.drift import (
    Counted,
    Shift,
    calibration_shift,
    ratio_shift,
    shape_shift,
)
from sendopt.evaluate.psi import psi, psi_by_chance
from sendopt.learn.judging.drift import ALARMS, FALSE_ALARMS, drift
from sendopt.learn.judging.shifts import users
from sendopt.learn.model.model import ServableModel
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SAME, SHIFTED, TIRED = TenantId("same"), TenantId("shifted"), TenantId("tired")
BEGIN, DAYS = datetime(2026, 6, 1, tzinfo=UTC), 49
NOW = BEGIN + timedelta(days=DAYS)
TAUGHT_UNTIL = NOW - timedelta(days=7)

ACCEPTED, RECENT = 14, 7  # days
LEVEL = FALSE_ALARMS / len(ALARMS)

Rows = tuple[Counted, Counted, np.ndarray, np.ndarray]


def some_days(
    rng: np.random.Generator, users: int, days: int, *, shock: float = 0.0, shift: float = 0.0
) -> Rows:
    """Hours and sends of users over days, with the true probability of each send and its answer.

    Users have hours of their own, differ in how many sends they get and, in this time, in how they
    answer. Days differ too: on each everybody answers more or less by a logit of sd `shock`, and
    lives later or earlier by an hour or two for each unit of it. `shift` moves all days by hours.

    Returns:
        hours and residuals as counted; what was said of each send, and its answer.
    """
    sends = rng.poisson(1.2, (users, days))
    user = np.repeat(np.arange(users), sends.sum(axis=1))
    day = np.repeat(np.tile(np.arange(days), users), sends.ravel())
    of_day = rng.normal(0.0, shock, days)[day]
    home = rng.integers(0, 12, users)[user]
    near = home + rng.integers(-2, 3, len(user)) + np.rint(2.0 * of_day + shift / 2.0).astype(int)
    hours = np.zeros((len(user), 12))
    hours[np.arange(len(user)), near % 12] = 1.0
    logit = np.log(rng.beta(2, 5, users))[user]
    mood = rng.normal(0.0, 0.5, users)[user]
    answered = (rng.random(len(user)) < sigmoid(logit + mood + of_day)).astype(float)
    # What a calibrated model says: the mean over moods and days, which it cannot know.
    spread = np.linspace(-3.0, 3.0, 31)
    weight = np.exp(-0.5 * spread**2)
    said = sigmoid(logit[:, None] + np.hypot(0.5, shock) * spread) @ weight / weight.sum()
    residuals = Counted(np.column_stack([answered - said, np.ones(len(user))]), user, day)
    return Counted(hours, user, day), residuals, said, answered


def sigmoid(logit: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def calibration(rows: Rows, bins: np.ndarray) -> Counted:
    _, residuals, said, answered = rows
    values = np.zeros((len(said), BINS + 1))
    values[np.arange(len(said)), bins] = answered - said
    values[:, BINS] = 1.0
    return Counted(values, residuals.user, residuals.day)


def alarms(rng: np.random.Generator, before: Rows, after: Rows, level: float) -> dict[str, Shift]:
    """Return what each alarm finds between two times."""
    bins = equal_bins(
        np.concatenate([before[2], after[2]]), np.ones(len(before[2]) + len(after[2]))
    )
    split = len(before[2])
    test = calibration_test(after[3], after[2], after[1].user, level=level, rng=rng)
    return {
        "hours": shape_shift(before[0], after[0], level=level),
        "answers": ratio_shift(before[1], after[1], level=level, two_sided=True),
        "calibration": calibration_shift(
            calibration(before, bins[:split]),
            calibration(after, bins[split:]),
            by_users=test.by_chance,
            level=level,
            rng=rng,
        ),
    }


@pytest.mark.parametrize("shock", [0.0, 0.6], ids=["days alike", "days that differ a lot"])
def test_without_drift_all_alarms_together_ring_in_one_week_of_a_hundred(shock: float) -> None:
    """Six alarms are promised to ring in 1 % of the weeks; the three here in half as many."""
    rng = np.random.default_rng(3)
    rung, by_users_alone, weeks = 0, 0, 200
    for _ in range(weeks):
        before = some_days(rng, 100, ACCEPTED, shock=shock)
        after = some_days(rng, 100, RECENT, shock=shock)
        found = alarms(rng, before, after, LEVEL).values()
        rung += any(shift.beyond_chance for shift in found)
        by_users_alone += any(abs(shift.value) > shift.by_users for shift in found)
    # 1 of 200 is promised; 5 or more would come by luck in one of 270 runs.
    assert rung < 5, rung
    if shock:
        assert by_users_alone > 20, "if only users were units, it would ring in every sixth week"


def test_few_users_ring_no_more_often_than_many() -> None:
    """What is known of 25 users' spread is little, and chance goes further for that."""
    rng = np.random.default_rng(6)
    level, weeks, rung = 0.02, 300, np.zeros(2)
    for _ in range(weeks):
        before, after = some_days(rng, 25, ACCEPTED), some_days(rng, 25, RECENT)
        found = (
            shape_shift(before[0], after[0], level=level),
            ratio_shift(before[1], after[1], level=level, two_sided=True),
        )
        rung += [shift.beyond_chance for shift in found]
    # 6 of 300 are promised of each at most; 14 or more would come by luck in one of 250 runs.
    assert rung.max() < 14, rung


@given(st.integers(2, 6), st.integers(0, 1000))
@settings(max_examples=20)
def test_moved_hours_are_found(shift: int, seed: int) -> None:
    """Everybody lives in one part of the day, and then in another; days differ as well."""
    rng = np.random.default_rng(seed)

    def living(middle: int, days: int) -> Counted:
        user, day = np.repeat(np.arange(200), days), np.tile(np.arange(days), 200)
        counts = np.zeros((len(user), 12))
        moved = rng.integers(-1, 2, days)[day] * (rng.random(len(user)) < 0.3)
        near = middle + rng.integers(-1, 2, len(user)) + moved
        counts[np.arange(len(user)), near % 12] = 1.0
        return Counted(counts, user, day)

    before, after = living(4, ACCEPTED), living(4 + shift, RECENT)
    assert shape_shift(before, after, level=0.001).beyond_chance
    few = Counted(before.values[:100], before.user[:100] % 10, before.day[:100])
    assert not shape_shift(few, after, level=0.001).beyond_chance, "too few users to tell"


def test_a_lasting_fall_of_answers_is_found_in_spite_of_days_that_differ() -> None:
    rng, found = np.random.default_rng(8), 0
    for _ in range(20):
        before = some_days(rng, 300, ACCEPTED, shock=0.2)
        hours, residuals, said, answered = some_days(rng, 300, RECENT, shock=0.2)
        answered = answered * (rng.random(len(answered)) < 0.5)
        values = np.column_stack([answered - said, np.ones(len(said))])
        after = (hours, Counted(values, residuals.user, residuals.day), said, answered)
        found += alarms(rng, before, after, LEVEL)["answers"].beyond_chance
    assert found >= 18, found


def test_hours_in_which_nothing_ever_happens_do_not_count_as_moved() -> None:
    rng = np.random.default_rng(5)
    before, after = (some_days(rng, 40, days)[0] for days in (ACCEPTED, RECENT))
    nights = [
        Counted(np.pad(each.values, ((0, 0), (0, 6))), each.user, each.day)
        for each in (before, after)
    ]
    assert shape_shift(*nights, level=0.01) == shape_shift(before, after, level=0.01)


def test_users_who_repeat_themselves_count_less() -> None:
    """With independent rows assumed, chance would ring nearly every week."""
    rng = np.random.default_rng(4)
    naive = 0
    for _ in range(50):
        before, after = (9.0 * some_days(rng, 100, RECENT)[0].by_user for _ in range(2))
        n, m = before.sum(), after.sum()
        moved = psi(before.sum(axis=0), after.sum(axis=0))
        naive += moved * n * m / (n + m) > 24.7
        assert moved < psi_by_chance(before, after, level=1e-4)
    assert naive > 25


def test_few_days_ring_no_more_often_than_many() -> None:
    """Three days after four, which differ a lot: how far days go is then hardly known."""
    rng = np.random.default_rng(9)
    level, weeks, rung = 0.02, 300, np.zeros(3)
    for _ in range(weeks):
        before, after = (some_days(rng, 60, days, shock=0.6) for days in (4, 3))
        rung += [shift.beyond_chance for shift in alarms(rng, before, after, level).values()]
    # 6 of 300 are promised of each at most; 14 or more would come by luck in one of 250 runs.
    assert rung.max() < 14, rung


def test_two_days_are_too_few_to_tell() -> None:
    rng = np.random.default_rng(9)
    before, after = (some_days(rng, 60, days) for days in (ACCEPTED, 2))
    found = alarms(rng, before, after, LEVEL)
    assert all(np.isinf(shift.by_days) for shift in found.values())
    assert not any(shift.beyond_chance for shift in found.values())


def planted(rng: np.random.Generator, *, later: int, answering: float) -> list[Event]:
    """Forty users, two sends a day at any hour; some days everybody answers more, others less.

    Days are also lived up to an hour earlier or later. In the last week everybody lives `later`
    hours later than before, sends with them, and gives only the share `answering` of the answers.
    """
    events = []
    for day in range(DAYS):
        moved, mood = rng.normal(0.0, 0.7), rng.normal(0.0, 0.25)
        recent = day >= DAYS - RECENT
        for number in range(40):
            user = UserId(f"u{number:02}")
            for each in range(2):
                hour = 8.0 + 12.0 * rng.random() + moved + (later if recent else 0)
                sent = BEGIN + timedelta(days=day, hours=hour)
                send = SendId(f"{user}-{day}-{each}")
                events.append(Event(f"s-{send}", user, EventType.SEND, sent, send_id=send))
                chance = sigmoid(np.array(-0.6 + 0.03 * number + mood))
                if rng.random() < chance * (answering if recent else 1.0):
                    opened = sent + timedelta(minutes=5)
                    events.append(Event(f"o-{send}", user, EventType.OPEN, opened, send_id=send))
    return events


@pytest.fixture(scope="module")
def moved(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    """Three tenants that were alike until the last week."""
    with make_log() as log:
        with log.appender() as appender:
            for tenant, later, answering in ((SAME, 0, 1.0), (SHIFTED, 4, 1.0), (TIRED, 0, 0.4)):
                rng = np.random.default_rng(12)
                found = planted(rng, later=later, answering=answering)
                appender.append(tenant, event_table(found))
        yield log


@pytest.mark.parametrize(
    ("hours", "is_new"), [((-25, 1), [False]), ((-1, 1), [False]), ((0, 1, 25), [True, False])]
)
def test_new_on_a_day_is_who_was_never_seen_before_it(
    make_log: Callable[[], AbstractContextManager[Log]], hours: tuple[int, ...], is_new: list[bool]
) -> None:
    events = [
        Event(f"e{hour}", UserId("u"), EventType.SESSION, NOW + timedelta(hours=hour))
        for hour in hours
    ]
    from_us = round(NOW.timestamp()) * 1_000_000
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SAME, event_table(events))
        with log.reader(SAME) as reader:
            found = users(reader, {"from_us": from_us, "until_us": from_us + 7 * 86_400_000_000})
    assert found["is_new"].to_pylist() == is_new


@pytest.fixture(scope="module")
def former(moved: Log) -> ServableModel:
    """A model of the week before, when all tenants were still the same."""
    with moved.reader(SAME) as reader:
        return trained(reader, until=TAUGHT_UNTIL, judged=True).model


def test_nothing_rings_that_has_not_moved(moved: Log, former: ServableModel) -> None:
    with moved.reader(SAME) as reader:
        report = drift(reader, former, now=NOW, seed=7)
    assert report.raised == (), report.alarms
    assert [alarm.name for alarm in report.alarms] == list(ALARMS)
    assert all(alarm.by_chance is not None for alarm in report.alarms), report.alarms
    assert report.accepted_since == former.provenance.learned_until
    assert report.accepted_until <= TAUGHT_UNTIL == report.since


def test_shifted_hours_ring(moved: Log, former: ServableModel) -> None:
    with moved.reader(SHIFTED) as reader:
        report = drift(reader, former, now=NOW, seed=7)
    assert {"send_hours", "answer_hours"} <= set(report.raised), report.alarms


def test_people_who_answer_less_ring(moved: Log, former: ServableModel) -> None:
    with moved.reader(TIRED) as reader:
        report = drift(reader, former, now=NOW, seed=7)
    assert "answer_rate" in report.raised, report.alarms
    assert not {"send_hours", "answer_hours"} & set(report.raised)


def test_a_model_that_was_accepted_today_has_nothing_to_drift_from(
    moved: Log, former: ServableModel
) -> None:
    with moved.reader(SHIFTED) as reader:
        report = drift(reader, former, now=TAUGHT_UNTIL + timedelta(hours=20), seed=7)
    assert report.raised == ()
    assert report.since == report.until
    assert all("too few days" in alarm.said for alarm in report.alarms)


def test_an_empty_week_rings_nothing_and_says_why(moved: Log, former: ServableModel) -> None:
    with moved.reader(SAME) as reader:
        report = drift(reader, former, now=NOW + timedelta(days=60), seed=7)
    assert report.raised == ()
    assert all(alarm.by_chance is None for alarm in report.alarms)
