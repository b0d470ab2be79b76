"""Whether a prompt answer says more of its hour is read from answers, in either kind of log."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from sendopt.features import PROMPTNESS, LabelledMoments
from sendopt.learn.families.level_shape_trees.learn_promptness import promptness_tells
from sendopt.learn.families.level_shape_trees.weights import Weights
from sendopt.learn.level_shape.curves import Parts
from sendopt.learn.level_shape.level_shape_model import Rows

USERS, SENDS = 100, 60


def logits(rng: np.random.Generator, base: float) -> tuple[Rows, NDArray[np.float64]]:
    """Rows of users whose level and hours are known, and the logits of their answers."""
    size = USERS * SENDS
    nothing, one = np.zeros(size), np.ones(size)
    level = np.repeat(rng.normal(0.0, 0.8, USERS), SENDS)
    hours = 0.6 * rng.normal(size=size)
    rows = Rows(
        base=np.full(size, base),
        level=level,
        activity_rate=nothing,
        parts=Parts(nothing, nothing, nothing, hours, nothing, nothing, one, one),
        message=nothing,
        user_features=np.zeros((size, 0)),
        moment_features=np.zeros((size, 0)),
    )
    return rows, base + level + hours


def labelled(stage: NDArray[np.intp]) -> LabelledMoments:
    at = np.arange(len(stage))
    users = pa.array(np.repeat(np.arange(USERS), SENDS).astype(str))
    return LabelledMoments(
        users, at, at, at, (stage < len(PROMPTNESS)).astype(float), np.ones(len(stage))
    )


def tells(rows: Rows, stage: NDArray[np.intp]) -> bool:
    return promptness_tells(rows, Weights(), labelled(stage), stage, np.ones(len(rows), bool))


def waits_for_a_look(rng: np.random.Generator, logit: NDArray[np.float64]) -> NDArray[np.intp]:
    """Every stage is one more chance; each is as likely to be taken."""
    looked = rng.random((len(logit), len(PROMPTNESS))) < 1.0 / (1.0 + np.exp(-logit[:, None]))
    return np.where(looked.any(axis=1), looked.argmax(axis=1), len(PROMPTNESS))


def decides_at_once(rng: np.random.Generator, logit: NDArray[np.float64]) -> NDArray[np.intp]:
    """Whether is up to the hour; how soon is not."""
    answered = rng.random(len(logit)) < 1.0 / (1.0 + np.exp(-logit))
    delay = rng.choice(len(PROMPTNESS), len(logit), p=[0.5, 0.3, 0.2])
    return np.where(answered, delay, len(PROMPTNESS))


@pytest.mark.parametrize("base", [-0.5, 1.0])
def test_answers_that_wait_for_a_look_are_told_from_those_that_do_not(base: float) -> None:
    waiting, deciding = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows, logit = logits(rng, base)
        waiting += tells(rows, waits_for_a_look(rng, logit))
        rows, logit = logits(rng, 2.0 * base + 1.0)
        deciding += tells(rows, decides_at_once(rng, logit))
    assert (waiting, deciding) == (20, 0)


def test_answers_of_one_stage_keep_the_hazard() -> None:
    """As where all answers are stamped at the end of the window: there is nothing to tell."""
    rng = np.random.default_rng(1)
    rows, logit = logits(rng, 0.0)
    stage = np.where(waits_for_a_look(rng, logit) < len(PROMPTNESS), 2, len(PROMPTNESS))
    assert tells(rows, stage)
