"""Late answers tell when users are there, and are weighed by what that says of answers in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from sendopt.features import LATE_AGES, LabelledMoments, LateEvidence
from sendopt.learn.families.level_shape_trees.learn_weights import late_weight
from sendopt.learn.level_shape.curves import Parts
from sendopt.learn.level_shape.late_hours import hazard_by_age, late_hours
from sendopt.learn.level_shape.level_shape_model import DescribedMoments

WINDOW = timedelta(minutes=30)
ONE = np.zeros(1, np.intp)


def late_table(age: NDArray[np.int64]) -> pa.Table:
    """Answers of one age each, after sends that had waited from the second half hour on."""
    return pa.table(
        {
            "answered_us": np.arange(len(age)),
            "age": age.astype(np.uint8),
            "waited": age.astype(np.uint8),
        }
    )


def test_the_hazard_is_that_of_the_sends_that_still_wait() -> None:
    rng = np.random.default_rng(3)
    age = np.minimum(rng.geometric(0.2, 50_000), LATE_AGES - 1)  # one in five, at every age
    hazard = hazard_by_age(late_table(age), until_us=len(age))
    assert hazard is not None
    assert hazard[1:12] == pytest.approx(0.2, abs=0.02)


def test_a_few_late_answers_tell_no_hazard() -> None:
    assert hazard_by_age(late_table(np.full(29, 3)), until_us=29) is None
    assert hazard_by_age(late_table(np.full(40, 3)), until_us=29) is None
    assert hazard_by_age(late_table(np.full(40, 3)), until_us=40) is not None


def evidence(answers: NDArray[np.float64], expected: float) -> LateEvidence:
    shape = (1, 2, 48)
    return LateEvidence(np.broadcast_to(answers, shape).copy(), np.full(shape, expected))


def test_a_planted_hour_is_found_and_looked_for_from_its_window_on() -> None:
    nobody = evidence(np.zeros(48), 1.0)
    habit = 0.2 + 6.0 * np.exp(-0.5 * ((np.arange(48) - 40) / 2.0) ** 2)  # around 20:00
    mine = evidence(habit, habit.mean())
    found = late_hours(mine, nobody, ONE, open_window=WINDOW)
    assert abs(int(found.own[0, 0].argmax()) - 40) <= 1
    assert found.own[0, 0].max() > 1.0
    assert found.own[0, 0, 10] < 0.0
    assert not found.population.any()
    longer = late_hours(mine, nobody, ONE, open_window=timedelta(hours=4))
    assert longer.own[0, 0].argmax() < found.own[0, 0].argmax()


def test_who_never_answered_late_has_everybodys_hours() -> None:
    habit = 20.0 + 60.0 * np.exp(-0.5 * ((np.arange(48) - 16) / 2.0) ** 2)
    everybody = evidence(habit, habit.mean())
    found = late_hours(evidence(np.zeros(48), 0.0), everybody, ONE, open_window=WINDOW)
    assert not found.own.any()
    assert abs(int(found.population[0, 0].argmax()) - 16) <= 1
    assert (found.variance > 0.0).all()


@pytest.mark.parametrize("true", [0.0, 1.0])
def test_the_weight_is_that_with_which_answers_follow(true: float) -> None:
    rng = np.random.default_rng(5)
    size = 20_000
    late, level = rng.normal(size=(2, size))
    zeros = np.zeros(size)
    rows = DescribedMoments(
        base=np.full(size, -1.0),
        level=level,
        activity_rate=zeros,
        parts=replace(Parts(*(zeros for _ in range(8))), late=late),
        message=zeros,
        **({"habit": zeros} if "habit" in DescribedMoments.__dataclass_fields__ else {}),
        user_features=np.zeros((size, 1)),
        moment_features=np.zeros((size, 1)),
    )
    chance = 1.0 / (1.0 + np.exp(1.0 - level - true * late))
    answered = (rng.random(size) < chance) * 1.0
    at_us, users = np.arange(size), pa.array(["ann"] * size)
    past = LabelledMoments(users, at_us, at_us, at_us, answered, np.ones(size))
    assert late_weight(rows, past, np.ones(size, bool)) == pytest.approx(true, abs=0.06)
