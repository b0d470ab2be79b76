"""What is said of a log that is not taken as it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from sendopt.features import Body, LabelledMoments, Summary, Target
from sendopt.learn.past.notes import note_on_sample, notes_on_log, too_little_history

TARGET = Target(timedelta(minutes=30))
BODY = Body(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
CLEAN = Summary(
    events=900,
    users=100,
    placed_users=100,
    sends=400,
    repeated_sends=0,
    opens=200,
    early_answers=0,
    earliest_answer=None,
    too_early_answers=0,
    instant_answers=0,
    unknown_sends=0,
    stray_answers=0,
    sessions=300,
    first_at=BODY.begin,
)


def test_of_a_clean_log_there_is_nothing_to_say() -> None:
    assert notes_on_log(BODY, CLEAN, TARGET) == ()


def test_unknown_zones_are_told_with_the_share_of_users() -> None:
    (few,) = notes_on_log(BODY, replace(CLEAN, placed_users=25), TARGET)
    assert few.startswith("the time zone of 25 of 100 users (25%) is known")
    (none,) = notes_on_log(BODY, replace(CLEAN, placed_users=0), TARGET)
    assert "0 of 100 users (0%)" in none


def test_clocks_and_repeats_are_counted() -> None:
    found = replace(
        CLEAN,
        repeated_sends=12,
        early_answers=7,
        earliest_answer=timedelta(seconds=120),
        too_early_answers=3,
        instant_answers=0,
        unknown_sends=0,
    )
    repeated, early, too_early = notes_on_log(BODY, found, TARGET)
    assert repeated.startswith("12 `send` events tell again of a send")
    assert early.startswith("7 answers were stamped up to 0:02:00 before their send")
    assert too_early.startswith("3 answers were stamped more than 0:05:00 before their send")


def test_what_a_wrong_clock_said_is_named() -> None:
    body = replace(BODY, before=1, oldest=datetime(2000, 1, 1, tzinfo=UTC))
    (said,) = notes_on_log(body, CLEAN, TARGET)
    assert "1 events lie long before" in said
    assert "2000-01-01" in said


@pytest.mark.parametrize(
    ("days", "silent", "told", "never"),
    [
        # The log goes on: more days come by themselves.
        (1, 0.1, ("2 more days of events are missing", "train again from 2026-06-04 on"), "ended"),
        # It ended months ago: nothing comes of waiting.
        (1, 120, ("holds 1 day and ended 120 days before, on 2026-06-02",), "train again"),
        (2, 30, ("holds 2 days and ended 30 days before, on 2026-06-03", "ingest"), "train again"),
        (20, 90, ("holds 20 days and ended 90 days before", "a known outcome"), "train again"),
        (20, 0.1, ("its 20 days are enough, but too few of its days hold a send",), "ended"),
    ],
)
def test_too_little_history_names_its_cause_and_asks_nobody_to_wait_for_a_log_that_ended(
    days: int, silent: float, told: tuple[str, ...], never: str
) -> None:
    body = Body(BODY.begin, BODY.begin + timedelta(days=days))
    refusal = too_little_history(body, TARGET, until=body.end + timedelta(days=silent))
    assert refusal.code == "too_little_history"
    for said in told:
        assert said in str(refusal.hint)
    assert never not in str(refusal.hint)


def test_of_a_log_that_is_replayed_nothing_is_to_come() -> None:
    body = Body(BODY.begin, BODY.begin + timedelta(days=2))
    half = body.begin + timedelta(days=1)
    hint = str(too_little_history(body, TARGET, until=half, replayed=True).hint)
    assert hint.startswith("the log holds 2 days and ended on 2026-06-03: ingest")
    assert "train again" not in hint


def test_a_sample_says_of_how_many_it_is() -> None:
    at_us = np.arange(40)
    ones = np.ones(40)
    past = LabelledMoments(pa.array(["ann"] * 40), at_us, at_us, at_us, ones, ones, share=0.1)
    assert note_on_sample(replace(past, share=1.0)) == ()
    (said,) = note_on_sample(past)
    assert said.startswith("40 moments stand for about 400: 10.0% of all user-days")
