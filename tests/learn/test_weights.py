"""The weights between the model's parts fit the rows they learned from, or none come out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from sendopt.errors import SolverFailed
from sendopt.features import LabelledMoments
from sendopt.learn.families.level_shape_trees import learn_weights as weights
from sendopt.learn.families.level_shape_trees.learn_weights import weigh, weigh_population
from sendopt.learn.level_shape.curves import Parts
from sendopt.learn.level_shape.level_shape_model import DescribedMoments


def some(rng: np.random.Generator, size: int, *, base: float, log_mass: float) -> DescribedMoments:
    """Rows of which the first tenth come from hours at which next to nobody was ever active."""
    normal = rng.normal(size=(6, size))
    active = normal[0]
    active[: size // 10] = log_mass
    return DescribedMoments(
        base=np.full(size, base),
        level=normal[1],
        activity_rate=np.abs(normal[2]),
        parts=Parts(
            active,
            0.1 * normal[3],
            normal[4],
            normal[5],
            np.zeros(size),
            np.zeros(size),
            np.ones(size),
            np.ones(size),
        ),
        message=np.zeros(size),
        user_features=np.zeros((size, 0)),
        moment_features=np.zeros((size, 0)),
    )


def answered(share: float, rng: np.random.Generator, size: int) -> LabelledMoments:
    label = (rng.random(size) < share).astype(float)
    at = np.arange(size)
    return LabelledMoments(pa.array(at.astype(str)), at, at, at, label, np.ones(size))


def whose_activity_tells(rng: np.random.Generator, *, mean: float, spread: float) -> bool:
    """Ask about 60 users with 60 sends each, who differ in how far their activity tells."""
    users, sends = 60, 60
    rows = some(rng, users * sends, base=-1.0, log_mass=0.0)
    nothing = np.zeros(len(rows))
    rows = replace(rows, level=nothing, parts=replace(rows.parts, population_activity=nothing))
    slope = np.repeat(rng.normal(mean, spread, users), sends)
    said = 1.0 / (1.0 + np.exp(1.0 - slope * rows.parts.activity))
    past = answered(0.5, rng, len(rows))
    past = replace(
        past,
        user_id=pa.array(np.repeat(np.arange(users), sends).astype(str)),
        label=(rng.random(len(rows)) < said).astype(float),
    )
    return weights.activity_tells(rows, past, np.ones(len(rows), bool))


def test_activity_that_tells_of_users_who_differ_is_almost_never_thrown_away() -> None:
    """The mean slope is .3; of so few users it comes out below .1 by chance every tenth time."""
    rng = np.random.default_rng(2)
    told = [whose_activity_tells(rng, mean=0.3, spread=1.0) for _ in range(200)]
    assert sum(told) >= 195


def test_activity_that_tells_the_wrong_way_is_thrown_away() -> None:
    rng = np.random.default_rng(3)
    told = [whose_activity_tells(rng, mean=-0.6, spread=0.3) for _ in range(20)]
    assert not any(told)


def who_is_better_without(rng: np.random.Generator, *, by_activity: float) -> bool:
    """Ask about 60 users with 60 sends each, answered by hours that activity or answers know.

    As many sessions are known, answers hardly count beside activity.
    """
    size = 60 * 60
    rows = some(rng, size, base=-1.0, log_mass=0.0)
    nothing, by_answers = np.zeros(size), 0.5 * rng.normal(size=size)
    parts = replace(rows.parts, population_activity=nothing, population_answers=nothing)
    rows = replace(rows, level=nothing, parts=replace(parts, answers=0.05 * by_answers))
    alone = replace(rows, parts=replace(rows.parts, activity=nothing, answers=by_answers))
    told = by_activity * rows.parts.activity + (1.0 - by_activity) * by_answers
    past = answered(0.5, rng, size)
    past = replace(
        past,
        user_id=pa.array(np.repeat(np.arange(60), 60).astype(str)),
        label=(rng.random(size) < 1.0 / (1.0 + np.exp(1.0 - told))).astype(float),
    )
    return weights.better_described(rows, alone, past, np.ones(size, bool))


def test_activity_that_knows_nothing_is_left_out_though_it_is_alike_at_all_hours() -> None:
    rng = np.random.default_rng(4)
    assert all(who_is_better_without(rng, by_activity=0.0) for _ in range(20))


def test_activity_that_knows_the_hours_is_never_left_out() -> None:
    rng = np.random.default_rng(5)
    assert not any(who_is_better_without(rng, by_activity=1.0) for _ in range(20))


@settings(max_examples=at_most(50), deadline=None)
@given(
    st.sampled_from([0.0, 0.001, 0.3, 0.95, 1.0]),
    st.floats(-9.0, 9.0),
    st.sampled_from([-9.0, -30.0, 0.0]),
    st.integers(20, 2000),
    st.integers(0, 2**32 - 1),
)
def test_a_baseline_and_a_model_are_right_on_average_of_the_days_they_learned_from(
    share: float, base: float, log_mass: float, size: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, past = some(rng, size, base=base, log_mass=log_mass), answered(share, rng, size)
    learn = rng.random(size) < 0.8
    baseline, model = weigh_population(rows, past, learn), weigh(rows, past, learn)
    for found, said in (
        (baseline, baseline.probability(rows)),
        (model, 1.0 / (1.0 + np.exp(-model.logit(rows)))),
    ):
        # What the weak prior of the intercept may keep it from the mean.
        pulled = 0.01 * abs(found.intercept) / learn.sum()
        assert abs(said[learn].mean() - past.label[learn].mean()) <= pulled + 1e-6
        assert found.shape >= 0.05


def test_a_shape_held_at_its_bound_leaves_the_others_at_their_best() -> None:
    """Answers fall where the shape rises: it is held at its least, and the level still fits."""
    rng = np.random.default_rng(3)
    rows = some(rng, 4000, base=-1.0, log_mass=0.0)
    truth = rows.base + 0.5 * rows.level - rows.parts.shape
    label = (rng.random(4000) < 1.0 / (1.0 + np.exp(-truth))).astype(float)
    past = replace(answered(0.5, rng, 4000), label=label)
    everybody = np.ones(4000, bool)
    found = weigh(rows, past, everybody)
    assert found.shape == 0.05
    said = 1.0 / (1.0 + np.exp(-found.logit(rows)))
    missed = rows.level @ (label - said) - 4.0 * (found.level - 1.0)
    assert abs(missed) < 1e-3


@given(st.floats(-0.3, 0.3), st.integers(0, 2**32 - 1))
def test_a_baseline_that_is_wrong_on_its_own_days_is_a_defect(moved: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    past, everybody = answered(0.5, rng, 500), np.ones(500, bool)
    said = np.full(500, past.label.mean() + moved)
    if abs(moved) <= 1e-6:
        weights._check_mean("the baseline", said, past, everybody, pulled=0.0)
        return
    with pytest.raises(SolverFailed, match="the baseline says"):
        weights._check_mean("the baseline", said, past, everybody, pulled=0.0)
