"""People on two platforms, two kinds of message: a planted difference, and strangers among them.

Users of `ios` answer around eight in the evening, users of `android` around eight in the morning;
all live in Tokyo. News are answered three times as often as offers by whoever gets them, and
whatever the platform, offers go better at noon. Sends go out at all hours from 6 to 22 with known
chances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from trained import HALF_AN_HOUR, PRIOR, trained

from sendopt.errors import InvalidInput
from sendopt.features import HALF_HOURS, AsOfView, Moments, Viewpoints
from sendopt.learn import ServableModel, score_decisions
from sendopt.learn.level_shape.segments import Segments, learn_segments
from sendopt.learn.numerics.logistic import logit as log_odds
from sendopt.log import Log, LogLocation, event_table
from sendopt.records import Event, EventType, TenantId, UserId
from sendopt.schedule.policy import chance_of_gain
from sendopt.score.explain import explain

SHOP = TenantId("shop")
TOKYO, EAST = "Asia/Tokyo", timedelta(hours=9)
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
DAYS, PEOPLE = 60, 80
END = BEGIN + timedelta(days=DAYS)
EVENING, MORNING, NOON = 20, 8, 12
HOURS = range(6, 23)
INSTANT = pa.timestamp("us", tz="UTC")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    home = tmp_path_factory.mktemp("segments")
    with closing(Log(LogLocation(str(home / "log.sqlite"), str(home / "log")))) as log:
        log.migrate()
        with log.appender() as appender:
            appender.append(SHOP, event_table(list(events())))
        yield log


@pytest.fixture(scope="module")
def model(log: Log) -> ServableModel:
    with log.reader(SHOP) as reader:
        return trained(reader, until=END).model


def events() -> Iterator[Event]:
    rng = np.random.default_rng(5)
    for person in range(PEOPLE):
        user, platform = UserId(f"p{person:02}"), ("ios", "android")[person % 2]
        for day in range(DAYS):
            hour, kind = int(rng.choice(HOURS)), ("news", "offer")[int(rng.integers(2))]
            sent = BEGIN + timedelta(days=day, hours=hour) - EAST
            send = {"send_id": f"{user}-{day}", "platform": platform, "timezone": TOKYO}
            yield Event(
                f"s-{user}-{day}",
                user,
                EventType.SEND,
                sent,
                message_type=kind,
                propensity=1 / len(HOURS),
                **send,
            )
            if rng.random() < answers(platform, kind, hour):
                opened = sent + timedelta(minutes=float(rng.uniform(1, 25)))
                yield Event(f"o-{user}-{day}", user, EventType.OPEN, opened, **send)


def answers(platform: str, kind: str, hour: int) -> float:
    best = EVENING if platform == "ios" else MORNING
    rate = 0.6 if abs(hour - best) <= 1 else 0.2
    if kind == "offer":
        rate = rate / 3 + (0.25 if abs(hour - NOON) <= 1 else 0.0)
    return rate


def asked(model: ServableModel, log: Log, user: str, **told: str | None) -> NDArray[np.float64]:
    """Return the probability of each of HOURS of a day in Tokyo."""
    at = [END + timedelta(days=1, hours=hour) - EAST for hour in HOURS]
    decisions = pa.table(
        {
            "decision_id": [user] * len(at),
            "user_id": [user] * len(at),
            "as_of": pa.array([END] * len(at), INSTANT),
            "candidate_at": pa.array(at, INSTANT),
            **{name: pa.array([value] * len(at), pa.string()) for name, value in told.items()},
        }
    )
    with log.reader(SHOP) as reader:
        return score_decisions(model, AsOfView(reader, model.target), decisions).probability


def best(probability: NDArray[np.float64]) -> int:
    return HOURS[int(probability.argmax())]


def test_a_stranger_gets_the_hours_of_the_platform(model: ServableModel, log: Log) -> None:
    assert model.scorer.platforms == ("android", "ios")
    ios = asked(model, log, "stranger", timezone=TOKYO, platform="ios")
    android = asked(model, log, "stranger", timezone=TOKYO, platform="android")
    assert abs(best(ios) - EVENING) <= 1
    assert abs(best(android) - MORNING) <= 1


def test_a_stranger_is_on_the_clock_that_is_told(model: ServableModel, log: Log) -> None:
    told = asked(model, log, "stranger", timezone=TOKYO, platform="ios")
    unknown = asked(model, log, "stranger", platform="ios")  # on UTC, nine hours off
    assert abs(best(told) - EVENING) <= 1
    assert abs(best(unknown) - EVENING) > 3
    assert asked(model, log, "p00", timezone=TOKYO) == pytest.approx(asked(model, log, "p00"))


def test_the_kind_of_message_moves_hour_and_rate(model: ServableModel, log: Log) -> None:
    news = asked(model, log, "p00", message_type="news")
    offer = asked(model, log, "p00", message_type="offer")
    assert abs(best(news) - EVENING) <= 1
    assert abs(best(offer) - NOON) <= 1
    assert news[HOURS.index(EVENING)] > 1.5 * offer[HOURS.index(EVENING)]


def test_what_is_not_known_adds_nothing(model: ServableModel, log: Log) -> None:
    silent = asked(model, log, "stranger", timezone=TOKYO)
    for told in ({"platform": "kaios"}, {"platform": None}, {"message_type": "a new one"}):
        np.testing.assert_array_equal(asked(model, log, "stranger", timezone=TOKYO, **told), silent)


def test_a_platform_is_known_from_the_day_after_it_was_seen(log: Log) -> None:
    seen = pa.array(["p00", "p00", "p00", "p01", "nobody"])
    first = datetime(2026, 5, 31, tzinfo=UTC)  # the day before it began in Tokyo
    instants = [first + timedelta(days=days) for days in (0, 1, 2, 2, 2)]
    with log.reader(SHOP) as reader:
        begin = min(event.occurred_at for event in events() if event.user_id == "p00")
        view = AsOfView(reader, HALF_AN_HOUR)
        found = view.last_platforms(Viewpoints(seen, pa.array(instants, INSTANT)))
        told = view.last_platforms(
            Viewpoints(
                seen,
                pa.array(instants, INSTANT),
                platform=pa.array([None, None, "web", None, "web"], pa.string()),
            ),
        )
    known_at = begin.replace(hour=0, minute=0) + timedelta(days=1)
    expected = ["ios" if at >= known_at else None for at in instants[:3]]
    assert found.to_pylist() == [*expected, "android", None]
    assert told.to_pylist() == [*expected[:2], "web", "android", "web"]


def test_few_sends_move_nothing_and_many_move_all() -> None:
    """With fifty answers of fifty the curve rises, but less than with five thousand."""
    levels = []
    for count in (49, 50, 500, 5000):
        name = pa.array(["loud"] * count)
        at = np.arange(count) % HALF_HOURS
        day = np.zeros(count, np.int64)
        learned = learn_segments(
            name,
            Moments(np.arange(count), day, at * 30, day),
            np.ones(count),
            np.ones(count),
            offset=np.zeros(count),
            shape=PRIOR,
        )
        levels.append(float(learned.curves[learned.numbers(pa.array(["loud"]))].mean()))
    assert levels[0] == 0.0
    assert 0.0 < levels[1] < levels[2] < levels[3]


def test_what_is_known_already_or_weighs_nothing_moves_no_segment() -> None:
    """Eight of ten answer: as was expected of all, or in sends that count for nothing."""
    count = 4800
    at, day = np.arange(count) % HALF_HOURS, np.zeros(count, np.int64)
    answered = (np.arange(count) // HALF_HOURS % 10 < 8).astype(np.float64)
    expected, coin = np.full(count, np.log(0.8 / 0.2)), np.zeros(count)
    ones, some = np.ones(count), answered
    found = [
        learn_segments(
            pa.array(["loud"] * count),
            Moments(np.arange(count), day, at * 30, day),
            answered,
            weight,
            offset=offset,
            shape=PRIOR,
        ).added
        for weight, offset in ((ones, expected), (0.0 * ones, coin), (ones, coin), (some, coin))
    ]
    assert np.abs(found[0]).max() < 0.05
    assert np.abs(found[1]).max() == 0.0
    assert found[2].mean() == pytest.approx(np.log(0.8 / 0.2), rel=0.1)
    assert found[3].mean() > found[2].mean() + 0.5, "silences that weigh nothing are not heard"


def test_the_largest_segments_are_kept_by_name() -> None:
    counts = {f"type {number:02}": 50 + number for number in range(60)}
    name = pa.array([each for each, count in counts.items() for _ in range(count)])
    rows = len(name)
    learned = learn_segments(
        name,
        Moments(np.arange(rows), *np.zeros((3, rows), np.int64)),
        np.zeros(rows),
        np.ones(rows),
        offset=np.zeros(rows),
        shape=PRIOR,
    )
    assert learned.names == tuple(f"type {number:02}" for number in range(10, 60))
    assert Segments().numbers(name).max() == -1


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("timezone", pa.array(["CST"]), "zone_invalid"),
        ("platform", pa.array([1]), "wrong_type"),
        ("message_type", pa.array([True]), "wrong_type"),
    ],
)
def test_what_is_told_along_is_checked(
    model: ServableModel, log: Log, column: str, value: pa.Array, code: str
) -> None:
    decisions: Sequence[tuple[str, pa.Array]] = [
        ("decision_id", pa.array(["d"])),
        ("user_id", pa.array(["p00"])),
        ("as_of", pa.array([END], INSTANT)),
        ("candidate_at", pa.array([END], INSTANT)),
        (column, value),
    ]
    with log.reader(SHOP) as reader, pytest.raises(InvalidInput) as refused:
        score_decisions(model, AsOfView(reader, model.target), pa.table(dict(decisions)))
    assert (refused.value.code, refused.value.field) == (code, column)


def test_an_explanation_names_the_platform(model: ServableModel, log: Log) -> None:
    with log.reader(SHOP) as reader:
        told = [
            explain(
                model,
                AsOfView(reader, model.target),
                UserId(user),
                as_of=END,
                configured_hour=18,
                chance_of_gain=chance_of_gain,
            )
            for user in ("p00", "p01", "nobody")
        ]
    assert [each.platform for each in told] == ["ios", "android", None]
    for each in told:
        assert sum(each.parts.values()) == pytest.approx(log_odds(each.best.open_probability))
