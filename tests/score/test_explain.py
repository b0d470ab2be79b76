"""An explanation adds up, says how much it knows, and is told by its fields alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from matplotlib.figure import Figure
from untrained import noise, untrained

from sendopt.features import USER_FEATURES, AsOfView
from sendopt.learn import ServableModel
from sendopt.learn.families.level_shape_trees.weights import Weights
from sendopt.log import Log, event_table
from sendopt.records import (
    Event,
    EventType,
    FallbackReason,
    SendId,
    ServedBy,
    TenantId,
    UserId,
)
from sendopt.schedule.policy import chance_of_gain
from sendopt.score import score_slots
from sendopt.score.explain import Explanation, Feature, Standing, explain
from sendopt.score.explain_picture import draw
from sendopt.score.explain_words import tell

SHOP = TenantId("shop")
MONDAY = datetime(2026, 9, 28, tzinfo=UTC)
DAYS = 40
STANDING = Standing("UTC", "log", "UTC", "log", ServedBy.CHAMPION, None, 0.6)


@pytest.fixture(scope="module")
def model() -> ServableModel:
    return untrained(
        until=MONDAY,
        weights=Weights(activity_rate=0.2),
        booster=noise(USER_FEATURES),
        calibration=(0.1, 0.9),
        version="98471643c7d4083f",
    )


@pytest.fixture(scope="module")
def evenings(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    """Ann comes every evening at nine, others at noon; all are sent to at six, some answer."""
    events = []
    for day in range(1, DAYS + 1):
        for name, hour in (("ann", 21), ("bob", 12), ("cem", 12), ("dora", 12)):
            user, send = UserId(name), SendId(f"{name}-{day}")
            begin = MONDAY - timedelta(days=day)
            visited_at, sent_at = begin + timedelta(hours=hour), begin + timedelta(hours=18)
            events += [
                Event(f"{send}-visit", user, EventType.SESSION, visited_at, timezone="UTC"),
                Event(f"{send}-send", user, EventType.SEND, sent_at, send, timezone="UTC"),
            ]
            if day % 4 == 0:
                answered_at = sent_at + timedelta(minutes=3)
                events.append(Event(f"{send}-open", user, EventType.OPEN, answered_at, send))
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SHOP, event_table(events))
        yield log


@pytest.fixture(scope="module")
def ann(model: ServableModel, evenings: Log) -> Explanation:
    return of(model, evenings, "ann")


def of(model: ServableModel, log: Log, user: str, *, as_of: datetime = MONDAY) -> Explanation:
    with log.reader(SHOP) as reader:
        return explain(
            model,
            AsOfView(reader, model.target),
            UserId(user),
            as_of=as_of,
            configured_hour=18,
            chance_of_gain=chance_of_gain,
        )


def logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def test_the_parts_add_up_to_what_the_api_answers(
    model: ServableModel, evenings: Log, ann: Explanation
) -> None:
    with evenings.reader(SHOP) as reader:
        slots = score_slots(model, AsOfView(reader, model.target), as_of=MONDAY, user_ids=["ann"])
    assert [hour.open_probability for hour in ann.week] == pytest.approx(
        slots["open_probability"].to_pylist(), rel=1e-5
    )
    assert sum(ann.parts.values()) == pytest.approx(logit(ann.best.open_probability))
    for gain in (ann.over_configured, ann.over_everybodys):
        apart = logit(ann.best.open_probability) - logit(gain.hour.open_probability)
        assert sum(gain.parts.values()) == pytest.approx(apart, abs=1e-9)
    assert ann.parts["trees"] != 0.0
    assert len(ann.features) == 3
    sizes = [abs(feature.logit) for feature in ann.features]
    assert sizes == sorted(sizes, reverse=True)


def test_the_best_hour_is_anns_own_and_everybodys_is_everybodys(ann: Explanation) -> None:
    assert ann.best.hour in {20, 21}  # a send shortly before she comes, too
    assert ann.over_everybodys.hour.hour in {11, 12, 18}
    assert ann.parts["own_visits"] > 0.0
    assert ann.best.low < ann.best.open_probability < ann.best.high
    assert ann.over_configured.probability > 0.5
    assert ann.over_configured.hour.hour == 18


def test_it_counts_what_was_known(model: ServableModel, evenings: Log, ann: Explanation) -> None:
    known = ann.known
    assert (known.visits, known.sends, known.answers) == (DAYS, DAYS, DAYS // 4)
    assert (sum(map(sum, known.visits_at)), sum(map(sum, known.answered_at))) == (DAYS, DAYS // 4)
    assert sum(map(sum, known.unanswered_at)) == DAYS - DAYS // 4
    assert known.visits_at[0][42] + known.visits_at[1][42] == DAYS  # nine in the evening
    half_life = model.scorer.half_life / timedelta(days=1)
    aged = sum(0.5 ** ((day - 21 / 24) / half_life) for day in range(1, DAYS + 1))
    assert known.decayed_visits == pytest.approx(aged)
    assert known.first_at == MONDAY - timedelta(days=DAYS) + timedelta(hours=18)
    early = of(model, evenings, "ann", as_of=MONDAY - timedelta(days=30)).known
    assert (early.visits, early.sends) == (DAYS - 30, DAYS - 30)


def test_an_hour_that_nobody_was_sent_to_says_so(ann: Explanation) -> None:
    assert ann.sends_there == 0
    assert "nobody was ever sent to in that hour" in " ".join(tell(ann, STANDING))


def test_more_evidence_more_weight_of_her_own(model: ServableModel, evenings: Log) -> None:
    as_of = [MONDAY - timedelta(days=days) for days in (DAYS - 1, 30, 20, 0)]
    weights = [of(model, evenings, "ann", as_of=at).own_weights.visits for at in as_of]
    assert weights == sorted(weights)
    assert weights[0] < 0.1
    assert weights[-1] > 0.4


def test_a_stranger_gets_everybodys_hours_and_is_told_so(
    model: ServableModel, evenings: Log
) -> None:
    told = of(model, evenings, "stranger")
    assert (told.own_weights.visits, told.own_weights.answers) == (0.0, 0.0)
    assert [told.parts[own] for own in ("own_visits", "own_answers", "level", "pace")] == [0.0] * 4
    assert told.over_everybodys.hour.hour == told.best.hour
    own = [logit(hour.open_probability) for hour in told.week]
    everybody = [logit(hour.everybody) for hour in told.week]
    assert np.corrcoef(own, everybody)[0, 1] == pytest.approx(1.0)  # how likely may differ
    assert (told.known.visits, told.known.sends, told.known.first_at) == (0, 0, None)
    text = " ".join(tell(told, STANDING))
    assert "Nothing is known of stranger yet: the hours are everybody's." in text
    assert "It is everybody's best hour, too." in text
    assert text.startswith("Somebody of whom nothing is known most likely answers")
    assert "stranger most likely" not in text
    assert "stranger answers" not in text
    figure = Figure(figsize=(13, 5), layout="constrained")
    draw(told, STANDING, figure)
    assert figure.get_suptitle().startswith("stranger, of whom nothing is known yet: ")


def test_after_one_visit_it_rests_on_everybody_still(model: ServableModel, evenings: Log) -> None:
    second_day = MONDAY - timedelta(days=DAYS - 1)
    early = tell(of(model, evenings, "ann", as_of=second_day), STANDING)
    assert early[0].startswith("ann most likely answers")
    assert early[1].startswith(
        "This rests more on everybody's hours than on ann's own 1 visit and 1 push, 1 answered"
    )
    weights = replace(of(model, evenings, "ann").own_weights, answers=0.5)
    own = tell(replace(of(model, evenings, "ann"), own_weights=weights), STANDING)
    assert own[1].startswith("This rests on 40 visits and 40 pushes, 10 answered")


def test_the_words_say_what_the_fields_say(ann: Explanation) -> None:
    sentences = tell(ann, STANDING)
    assert 5 <= len(sentences) <= 8
    text, best = " ".join(sentences), ann.best
    assert text.startswith("ann most likely answers")
    for figure in (
        f"at {best.hour}:00: {100 * best.open_probability:.0f} % within 30 minutes",
        f"leaves {100 * best.low:.0f} % to {100 * best.high:.0f} %",
        "40 visits and 40 pushes, 10 answered in time and 0 later, from 2026-08-19 to 2026-09-27",
        f"own visits and late answers weigh {100 * ann.own_weights.visits:.0f} % on being there",
        f"with {100 * ann.over_configured.probability:.0f} % probability",
        "Hours are on the clock of UTC",
        "model 98471643c7d4083f, champion, learned until 2026-09-28",
    ):
        assert figure in text


def test_another_field_is_another_word(ann: Explanation) -> None:
    unsure = replace(ann.over_configured, probability=0.55)
    for told, said in (
        (replace(ann, best_days=(0, 1, 2, 3, 4)), "ann most likely answers on weekdays at"),
        (replace(ann, best_days=(5, 6)), "ann most likely answers at weekends at"),
        (replace(ann, best_days=(1,)), "ann most likely answers on Tuesdays at"),
        (replace(ann, over_configured=unsure), "55 % probability: not proven (60 % are asked for)"),
        (replace(ann, label_source="activity"), "ann most likely is there"),
        (replace(ann, window_seconds=3600.0), "within 60 minutes"),
        (replace(ann, sends_there=1), "everybody together got 1 push in that hour."),
        (replace(ann, mean=0.2, mean_everybody=0.1), "more than everybody: 20 % against 10 %"),
        (replace(ann, mean=0.034, mean_everybody=0.1), "less than everybody: 3.4 % against 10 %"),
        (replace(ann, features=(Feature("sends_7d", 7.0, 0.0),)), "week: 7 (odds x 1.00)"),
        (replace(ann, features=(Feature("days_since_open", None, 0.0),)), "answer: never (odds"),
    ):
        assert said in " ".join(tell(told, STANDING))


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (replace(STANDING, least_confidence=0.5), "enough for a campaign to leave that time (50 %"),
        (
            replace(
                STANDING, served_by=ServedBy.LAST_GOOD, fallback_reason=FallbackReason.MODEL_DAMAGED
            ),
            "last good, because of model_damaged",
        ),
        (replace(STANDING, timezone_source="unknown"), "The log names no zone: hours are in UTC"),
        (
            replace(STANDING, planning_timezone="Asia/Tokyo", planning_timezone_source="device"),
            "(campaigns plan in Asia/Tokyo, the device's)",
        ),
    ],
)
def test_the_standing_is_told(ann: Explanation, standing: Standing, said: str) -> None:
    assert said in " ".join(tell(ann, standing))


def test_the_picture_shows_the_fields(ann: Explanation) -> None:
    figure = Figure(figsize=(13, 5), layout="constrained")
    draw(ann, STANDING, figure)
    weekdays, ticks = figure.axes[:2]
    drawn = [list(line.get_ydata()) for line in weekdays.lines]
    monday = ann.week[:24]
    assert [hour.open_probability for hour in monday] in drawn
    assert [hour.everybody for hour in monday] in drawn
    marked = [len(marks.get_offsets()) for marks in ticks.collections]
    assert marked == [1, 1, 1]  # unanswered, answered, visits: each at one half hour
    figure.canvas.draw()
