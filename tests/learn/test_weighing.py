"""Fitting and judging speak of the same sends: those of a sender who treats all slots alike.

Planted: a sender prefers hours by known chances, and a model that is wrong about the hours which
that sender avoids. Weighed, the sender's log tells what a sender of even chances would have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from trained import HALF_AN_HOUR

from sendopt.evaluate.chance import calibration_test
from sendopt.features import AsOfView, LabelledMoments
from sendopt.features.labels.labelled import labelled_sends
from sendopt.features.propensity import MAX_WEIGHT, inverse
from sendopt.learn.judging.judge import Judgement, judge
from sendopt.learn.judging.predictions import OURS
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

HOURS = np.array([3, 8, 11, 14, 18, 22])
RATE = np.array([0.05, 0.30, 0.20, 0.25, 0.45, 0.15])  # truth, for an average user
SAID = np.array([0.20, 0.30, 0.22, 0.25, 0.44, 0.30])  # wrong at 3 and 22
RIVAL = np.full(6, 0.23)
PREFERRED = np.array([0.05, 0.25, 0.10, 0.10, 0.45, 0.05])
EVEN = np.full(6, 1 / 6)
SHOP = TenantId("shop")

Vector = NDArray[np.float64]


def log_of(
    chances: Vector, rng: np.random.Generator, *, users: int, sends: int
) -> tuple[LabelledMoments, dict[str, Vector]]:
    """One send a day to each user, at an hour of `chances`; users answer more or less."""
    user = np.repeat(np.arange(users), sends)
    slot = rng.choice(6, size=len(user), p=chances)
    of_user = rng.normal(0.0, 0.6, users)[user]
    odds = RATE[slot] / (1.0 - RATE[slot]) * np.exp(of_user)
    label = (rng.random(len(user)) < odds / (1.0 + odds)).astype(np.float64)
    at_us = (np.tile(np.arange(sends), users) * 24 + HOURS[slot]) * 3_600_000_000
    weight = inverse(chances[slot])
    nothing = pa.nulls(len(user), pa.string())
    past = LabelledMoments(
        user_id=pa.array([f"u{number}" for number in user]),
        as_of_us=at_us,
        at_us=at_us,
        local_us=at_us,
        label=label,
        weight=weight / weight.mean(),
        sent=pa.table(
            {
                "timezone": nothing,
                "platform": nothing,
                "message_type": nothing,
                "propensity": chances[slot],
            }
        ),
    )
    return past, {OURS: SAID[slot], "rival": RIVAL[slot]}


def judged(chances: Vector, seed: int, *, users: int, sends: int = 30) -> Judgement:
    return judge(*log_of(chances, np.random.default_rng(seed), users=users, sends=sends))


def test_a_sender_with_preferences_tells_what_an_even_one_would() -> None:
    even, preferring = (judged(chances, 1, users=4000) for chances in (EVEN, PREFERRED))
    past, said = log_of(PREFERRED, np.random.default_rng(1), users=4000, sends=30)
    as_sent = judge(
        LabelledMoments(**{**vars(past), "weight": np.ones(len(past))}),
        said,
    )
    for name in ("log_loss", "brier", "calibration_error"):
        truth, weighed, plain = (
            getattr(each.quality[OURS], name) for each in (even, preferring, as_sent)
        )
        assert weighed == pytest.approx(truth, rel=0.03), name
        assert plain != pytest.approx(truth, rel=0.06), name
    assert preferring.weighing.answered == pytest.approx(even.answered, abs=0.006)
    assert preferring.answered > even.answered + 0.05
    assert even.log_loss_gain["rival"].high > preferring.log_loss_gain["rival"].low
    assert preferring.log_loss_gain["rival"].high > even.log_loss_gain["rival"].low
    assert as_sent.log_loss_gain["rival"].low > even.log_loss_gain["rival"].high


def test_the_interval_of_weighed_gains_holds_the_gain_of_even_sends() -> None:
    truth = judged(EVEN, 0, users=20_000).log_loss_gain["rival"].estimate
    held = 0
    for seed in range(300):
        gain = judged(PREFERRED, seed + 1, users=60, sends=12).log_loss_gain["rival"]
        held += gain.low <= truth <= gain.high
    # 285 of 300 are promised; 272 or fewer would come by luck in 1 of 250 runs.
    assert held > 272, held


def test_weighed_calibration_errors_of_a_right_model_stay_within_chance() -> None:
    rung = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        past, _ = log_of(PREFERRED, rng, users=80, sends=12)
        user = np.asarray(past.user_id.dictionary_encode().indices, np.intp)
        slot = np.searchsorted(HOURS, past.local_hour)
        said = even_rate()[slot]
        test = calibration_test(past.label, said, user, level=0.05, rng=rng, weight=past.weight)
        rung += test.error > test.by_chance
    # 10 of 200 are promised; 20 or more would come by luck in 1 of 350 runs.
    assert rung < 20, rung


def even_rate() -> Vector:
    """The mean rate at each hour over users, who differ."""
    spread = np.linspace(-3.0, 3.0, 121)
    share = np.exp(-0.5 * spread**2)
    odds = (RATE / (1.0 - RATE))[:, None] * np.exp(0.6 * spread)
    mean: Vector = (odds / (1.0 + odds)) @ share / share.sum()
    return mean


def test_the_effective_size_and_the_clipped_sends_are_told() -> None:
    even = judged(EVEN, 1, users=50)
    assert (even.weighing.logged, even.weighing.clipped) == (1500, 0)
    assert even.weighing.effective == pytest.approx(1500)
    rare = np.array([0.002, 0.2, 0.2, 0.2, 0.2, 0.198])
    clipped = judged(rare, 1, users=400)
    past, _ = log_of(rare, np.random.default_rng(1), users=400, sends=30)
    at_rare = past.local_hour == HOURS[0]
    assert clipped.weighing.clipped == at_rare.sum() > 0
    assert past.weight.max() / past.weight.min() == pytest.approx(MAX_WEIGHT / 5.0)
    assert clipped.weighing.effective < 12_000


def test_judged_sends_count_the_inverse_of_their_logged_chance(
    make_log: Callable[[], AbstractContextManager[Log]],
) -> None:
    """A rarer hour counts more, one beyond the limit no more, an unlogged one once."""
    begin = datetime(2026, 6, 1, 9, tzinfo=UTC)
    events = [
        Event(
            f"s{number}",
            UserId("ann"),
            EventType.SEND,
            begin + timedelta(days=number),
            send_id=SendId(f"s{number}"),
            propensity=propensity,
        )
        for number, propensity in enumerate((0.5, 0.1, 0.001, 1.0, None))
    ]
    with make_log() as log:
        with log.appender() as appender:
            appender.append(SHOP, event_table(events))
        with log.reader(SHOP) as reader:
            past = labelled_sends(
                AsOfView(reader, HALF_AN_HOUR),
                since=begin,
                until=begin + timedelta(days=9),
                limit=100,
            )
    *logged, unlogged = past.weight
    np.testing.assert_allclose(np.array(logged) / logged[0], [1.0, 5.0, 10.0, 0.5])
    assert np.mean(logged) == pytest.approx(1.0)
    assert unlogged == 1.0
