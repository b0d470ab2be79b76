"""A causal figure compares hours, not the zones, platforms and messages that were sent at them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from examples import at_most

from sendopt.evaluate import off_policy
from sendopt.evaluate.metrics import Interval
from sendopt.evaluate.off_policy import DR, SNIPS, Value
from sendopt.evaluate.refusal import Refusal
from sendopt.features import Viewpoints
from sendopt.features.labels.randomised import RandomisedSends
from sendopt.learn.judging.off_policy import as_chosen
from sendopt.learn.judging.predictions import OURS
from sendopt.learn.judging.randomised_hours import randomised_hours

SENDS, USERS, LOGS = 4_000, 400, at_most(300)
HOURS = np.arange(8, 20, 2)
PLATFORMS = ("ios", "android")
LEVEL = np.array([0.45, 0.15])  # who has a telephone of the one kind answers more at any hour
EVENING = np.where(HOURS >= 14, 0.08, 0.0)  # what an hour adds, for everybody


@dataclass(frozen=True)
class Sender:
    """By which chances, (platforms, hours), times are drawn, and which of them are logged."""

    drawn: np.ndarray
    logged: np.ndarray


def alike(first: int, last: int) -> np.ndarray:
    chance = ((first <= HOURS) & (last > HOURS)).astype(np.float64)
    return chance / chance.sum()


MORNING, LATE, ANY = alike(8, 15), alike(13, 20), alike(8, 20)
EVEN = np.stack([ANY, ANY])
APART = np.stack([MORNING, LATE])  # ios in the morning, android late; they have one hour in common
LEANING = np.stack(
    [0.8 * alike(8, 14) + 0.2 * alike(14, 20), 0.2 * alike(8, 14) + 0.8 * alike(14, 20)]
)


def a_log(sender: Sender, seed: int, *, zones: int = 1) -> tuple[RandomisedSends, np.ndarray]:
    """Return sends, and the chance of an answer at each of HOURS."""
    rng = np.random.default_rng(seed)
    user = np.sort(rng.integers(0, USERS, SENDS))
    platform = rng.integers(0, 2, USERS)[user]
    hour = (sender.drawn[platform].cumsum(axis=1) < rng.random((SENDS, 1))).sum(axis=1)
    own = rng.normal(0.0, 0.05, USERS)[user]
    rate = LEVEL[platform, None] + own[:, None] + EVENING
    answered = rng.random(SENDS) < rate[np.arange(SENDS), hour]
    told = {
        "zone": pa.array([f"zone {number}" for number in rng.integers(0, zones, USERS)[user]]),
        "platform": pa.array(PLATFORMS).take(pa.array(platform)),
    }
    told["zone, platform"] = pc.binary_join_element_wise(*told.values(), ", ")
    users = pa.array([f"u{number}" for number in range(USERS)])
    sends = RandomisedSends(
        viewpoints=Viewpoints(
            users, pa.array(np.zeros(USERS, np.int64)).cast(pa.timestamp("us", "UTC"))
        ),
        viewpoint=user.astype(np.intp),
        day_of_week=np.zeros(SENDS, np.int64),
        day_type=np.zeros(SENDS, np.intp),
        message_type=pa.nulls(SENDS, pa.string()),
        hour=HOURS[hour].astype(np.intp),
        propensity=sender.logged[platform, hour],
        answered=answered.astype(np.float64),
        strata={name: each.dictionary_encode() for name, each in told.items()},
    )
    return sends, rate


def policies(rate: np.ndarray, hours: np.ndarray) -> dict[str, np.ndarray]:
    """Ours likes hours the better the later they are, the other one the earlier."""
    shown = np.isin(HOURS, hours)
    q = np.full(rate[:, shown].shape, 0.3)
    return {OURS: q + 0.001 * hours, "early": q - 0.001 * hours}


@dataclass(frozen=True)
class Judged:
    truth: dict[str, float]
    value: dict[str, Value | Refusal]
    gain: dict[str, Interval]
    unaware: dict[str, Value | Refusal]  # what it would be if nobody knew who gets which time


@cache
def judged(kind: str, seed: int, zones: int = 1) -> Judged:
    sender = {
        "even": Sender(EVEN, EVEN),
        "apart": Sender(APART, APART),
        "leaning": Sender(LEANING, LEANING),
        "leaning, not logged": Sender(LEANING, np.stack([LEANING.mean(axis=0)] * 2)),
    }[kind]
    sends, rate = a_log(sender, seed, zones=zones)
    drawn = randomised_hours(sends)
    ranking = policies(rate, drawn.hours)
    logged = as_chosen(ranking, sends, drawn)
    shown = rate[:, np.isin(HOURS, drawn.hours)]
    truth = {}
    for name, score in ranking.items():
        chosen = np.where(drawn.possible, score, -np.inf).argmax(axis=1)
        truth[name] = float(shown[np.arange(SENDS), chosen].mean())
    value = {name: off_policy.evaluate(rows) for name, rows in logged.items()}
    unaware = {name: off_policy.evaluate(replace(rows, strata=())) for name, rows in logged.items()}
    return Judged(truth, value, off_policy.gain(logged[OURS], logged["early"]), unaware)


@pytest.mark.parametrize("kind", ["even", "apart", "leaning"])
def test_what_hours_are_worth_is_unbiased_and_held_whatever_the_sender_draws_by(kind: str) -> None:
    error: dict[tuple[str, str], list[float]] = {}
    held: dict[tuple[str, str], list[bool]] = {}
    for seed in range(LOGS):
        found = judged(kind, seed)
        true_gain = found.truth[OURS] - found.truth["early"]
        for name in (OURS, "early"):
            value = found.value[name]
            assert isinstance(value, Value), value
            for by in (SNIPS, DR):
                interval = value.estimates[by]
                error.setdefault((name, by), []).append(interval.estimate - found.truth[name])
                held.setdefault((name, by), []).append(
                    interval.low <= found.truth[name] <= interval.high
                )
        for by in (SNIPS, DR):
            gain = found.gain[by]
            error.setdefault(("gain", by), []).append(gain.estimate - true_gain)
            held.setdefault(("gain", by), []).append(gain.low <= true_gain <= gain.high)
    for figure, errors in error.items():
        chance = 4.0 * np.std(errors) / np.sqrt(LOGS)
        assert abs(np.mean(errors)) < chance, (figure, np.mean(errors))
        assert np.mean(held[figure]) > 0.91, (figure, np.mean(held[figure]))


def test_a_chance_that_does_not_know_the_platform_is_refused() -> None:
    """Over all sends such weights average 1: what platforms answer passes for what hours do."""
    logs = [judged("leaning, not logged", seed) for seed in range(50)]
    for found in logs:
        misled = found.unaware[OURS]
        assert isinstance(misled, Value)
        assert misled.estimates[DR].high < found.truth[OURS]  # android answers less, and late
    refused = [found.value[OURS] for found in logs]
    assert all(isinstance(each, Refusal) for each in refused)
    (said,) = {each.code for each in refused if isinstance(each, Refusal)}
    assert said == "no_support"
    assert any("platform is" in each.reason for each in refused if isinstance(each, Refusal))


@pytest.mark.parametrize("zones", [1, 40])
def test_chances_that_know_what_they_were_drawn_by_are_not_refused(zones: int) -> None:
    refused = [
        isinstance(each, Refusal)
        for kind in ("apart", "leaning")
        for seed in range(LOGS // 2)
        for each in judged(kind, seed, zones).value.values()
    ]
    assert np.mean(refused) <= 0.005


def test_a_policy_chooses_among_the_hours_that_its_sends_could_have_had() -> None:
    sends, _ = a_log(Sender(APART, APART), 1)
    drawn = randomised_hours(sends)
    ios = np.asarray(pc.equal(sends.strata["platform"].cast(pa.string()), "ios"))
    assert drawn.hours.tolist() == HOURS.tolist()
    assert drawn.possible[ios].all(axis=0).tolist() == (HOURS < 15).tolist()
    assert drawn.possible[~ios].all(axis=0).tolist() == (HOURS >= 13).tolist()
