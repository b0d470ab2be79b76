"""Whether a prompt answer says more of its hour is read from answers, in either kind of log."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from sendopt.features import LATENCY_STAGES, LabelledMoments
from sendopt.learn.families.level_shape_trees.learn_latency import latency_tells
from sendopt.learn.families.level_shape_trees.weights import Weights
from sendopt.learn.level_shape.curves import Parts
from sendopt.learn.level_shape.level_shape_model import DescribedMoments

USERS, SENDS = 100, 60


def logits(rng: np.random.Generator, base: float) -> tuple[DescribedMoments, NDArray[np.float64]]:
    """Rows of users whose level and hours are known, and the logits of their answers."""
    size = USERS * SENDS
    nothing, one = np.zeros(size), np.ones(size)
    level = np.repeat(rng.normal(0.0, 0.8, USERS), SENDS)
    hours = 0.6 * rng.normal(size=size)
    rows = DescribedMoments(
        base=np.full(size, base),
        level=level,
        activity_rate=nothing,
        parts=Parts(nothing, nothing, nothing, hours, nothing, nothing, one, one),
        message=nothing,
        user_features=np.zeros((size, 0)),
        moment_features=np.zeros((size, 0)),
    )
    return rows, base + level + hours


def tells(
    rows: DescribedMoments, stage: NDArray[np.intp], *, users: NDArray[np.intp] | None = None
) -> bool:
    at = np.arange(len(stage))
    who = np.repeat(np.arange(USERS), SENDS) if users is None else users
    past = LabelledMoments(
        user_id=pa.array(who.astype(str)),
        as_of_us=at,
        at_us=at,
        local_us=at,
        label=(stage < len(LATENCY_STAGES)).astype(float),
        weight=np.ones(len(stage)),
        sent=pa.table({"latency_stage": stage}),
    )
    return latency_tells(rows, Weights(), past, np.ones(len(rows), bool))


def sigmoid(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-logit))


def waits_for_a_look(rng: np.random.Generator, logit: NDArray[np.float64]) -> NDArray[np.intp]:
    """Every stage is one more chance, as likely to be taken, so that all come to `logit`."""
    each = 1.0 - (1.0 - sigmoid(logit)) ** (1.0 / len(LATENCY_STAGES))
    looked = rng.random((len(logit), len(LATENCY_STAGES))) < each[:, None]
    return np.where(looked.any(axis=1), looked.argmax(axis=1), len(LATENCY_STAGES))


def decides_at_once(
    rng: np.random.Generator, logit: NDArray[np.float64], sooner: NDArray[np.float64] | None = None
) -> NDArray[np.intp]:
    """Whether is up to the hour. How soon is not, or it is up to something else of the hour."""
    first = sigmoid(np.zeros(len(logit)) if sooner is None else sooner)
    delay = np.where(rng.random(len(logit)) < first, 0, rng.choice([1, 2], len(logit)))
    return np.where(rng.random(len(logit)) < sigmoid(logit), delay, len(LATENCY_STAGES))


@pytest.mark.parametrize("base", [0.5, 2.0])
def test_answers_that_wait_for_a_look_are_told_from_those_that_do_not(base: float) -> None:
    waiting = deciding = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rows, logit = logits(rng, base)
        waiting += tells(rows, waits_for_a_look(rng, logit))
        deciding += tells(rows, decides_at_once(rng, logit))
    assert waiting == 40
    assert deciding <= 6  # one in twenty by chance


def test_hours_that_are_answered_sooner_but_less_do_not_pass_for_good_ones() -> None:
    passed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows, logit = logits(rng, 1.0)
        passed += tells(rows, decides_at_once(rng, logit, -0.5 * rows.parts.answers))
    assert passed == 0


def test_three_users_with_most_of_the_sends_do_not_decide() -> None:
    """They wait for a look, and a hundred others decide at once."""
    users = np.minimum(np.arange(USERS * SENDS) // 500, 2)
    users[1500:] = 3 + np.arange(USERS * SENDS - 1500) % 100
    passed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows, logit = logits(rng, 1.0)
        stage = decides_at_once(rng, logit)
        stage[:1500] = waits_for_a_look(rng, logit[:1500])
        passed += tells(rows, stage, users=users)
    assert passed <= 10  # with sends as units all pass


def test_without_answers_of_the_first_stage_there_is_nothing_to_tell() -> None:
    """As where all answers are stamped at the end of the window."""
    rng = np.random.default_rng(1)
    rows, logit = logits(rng, 0.0)
    stage = np.where(waits_for_a_look(rng, logit) < len(LATENCY_STAGES), 2, len(LATENCY_STAGES))
    assert not tells(rows, stage)
