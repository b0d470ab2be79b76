"""Of models that are worse than nobody the gate refuses as few as it says, all rivals together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from examples import at_most

from sendopt.evaluate.metrics import Gain
from sendopt.features import LabelledMoments
from sendopt.learn.gate.worth import below
from sendopt.learn.judging.judge import judge
from sendopt.learn.judging.predictions import OURS

USERS, DAYS, A_DAY, LOGS = 120, 12, 3, at_most(400)
RIVALS = ("population", "most_frequent", "empirical_bayes", "champion")
DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000


def a_court(rng: np.random.Generator) -> tuple[LabelledMoments, dict[str, np.ndarray]]:
    """Three moments a day of each user, and what five models say of them, partly alike."""
    user, day, _ = (each.ravel() for each in np.indices((USERS, DAYS, A_DAY)))
    hour = rng.integers(0, 24, len(user))
    at_us = day * DAY_US + hour * HOUR_US
    common = rng.normal(size=(USERS, 24))
    said = {
        name: 1 / (1 + np.exp(1.5 - 0.5 * (common + rng.normal(size=(USERS, 24)))[user, hour]))
        for name in (OURS, *RIVALS)
    }
    past = LabelledMoments(
        user_id=pa.array([f"u{number}" for number in user]),
        as_of_us=day * DAY_US,
        at_us=at_us,
        local_us=at_us,
        label=np.zeros(len(user)),
        weight=np.ones(len(user)),
    )
    return past, said


@pytest.mark.slow
def test_of_models_that_are_worse_than_nobody_one_in_forty_is_refused() -> None:
    rng = np.random.default_rng(1)
    past, said = a_court(rng)
    level = rng.beta(1, 4, USERS)[np.repeat(np.arange(USERS), DAYS * A_DAY)]
    alone = together = 0
    for _ in range(LOGS):
        label = (rng.random(len(level)) < level).astype(np.float64)
        verdict = judge(replace(past, label=label), said)
        gains = {
            (measure, rival): each[rival]
            for measure, each in (("share", verdict.gain), ("order", verdict.auc_gain))
            for rival in RIVALS
        }
        alone += any(below({name: gain}) for name, gain in gains.items())
        together += bool(below(gains))
    bound = 0.025 + 3 * np.sqrt(0.025 * 0.975 / LOGS)
    assert together / LOGS < bound
    assert alone / LOGS > bound  # else there was nothing to share


def test_a_loss_that_no_chance_explains_is_named_among_many_gains() -> None:
    gains = {f"rival {number}": Gain(0.01, 0.0, 0.02, 0.97) for number in range(7)}
    gains["better"] = Gain(-0.02, -0.03, -0.01, 5e-5)
    assert below(gains) == ["better"]


def test_two_losses_are_both_named() -> None:
    """The second is held to fewer comparisons: the first one is no chance."""
    gains = {"far": Gain(-0.02, -0.03, -0.01, 1e-4), "near": Gain(-0.02, -0.03, -0.0, 0.024)}
    assert below(gains) == ["far", "near"]


def test_a_twin_is_no_loss_whatever_its_last_bits_say() -> None:
    assert below({"twin": Gain(-1e-17, -2e-17, -1e-18, 1e-9)}) == []


def test_without_an_interval_the_estimate_decides_and_what_is_no_number_is_a_loss() -> None:
    few = {
        "ahead": Gain(0.001, -np.inf, np.inf, np.nan),
        "behind": Gain(-0.001, -np.inf, np.inf, np.nan),
        "nothing": Gain(np.nan, np.nan, np.nan, np.nan),
    }
    assert sorted(below(few)) == ["behind", "nothing"]
