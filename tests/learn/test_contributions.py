"""A score is the sum of its parts, and more evidence of a user's own weighs more."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trained import PRIOR
from untrained import noise, untrained

from sendopt.features import MOMENT_FEATURES, USER_FEATURES
from sendopt.learn.families.level_shape_trees.scorer import own_weights
from sendopt.learn.families.level_shape_trees.weights import Weights
from sendopt.learn.level_shape.curves import Parts
from sendopt.learn.level_shape.level_shape_model import DescribedMoments
from sendopt.learn.model.contributions import OwnWeights

FEATURES = USER_FEATURES + MOMENT_FEATURES

number = st.floats(-1.5, 1.5)
evidence = st.floats(0.0, 1e4)
likelihood = st.floats(0.01, 0.99)


def some_rows(seed: int, count: int = 50) -> DescribedMoments:
    rng = np.random.default_rng(seed)
    curves = {each.name: rng.normal(size=count) for each in fields(Parts)}
    user_features = rng.normal(scale=10.0, size=(count, len(USER_FEATURES)))
    user_features[rng.random(user_features.shape) < 0.2] = np.nan
    return DescribedMoments(
        base=rng.normal(size=count),
        level=rng.normal(size=count),
        activity_rate=rng.normal(size=count),
        parts=Parts(**curves),
        message=rng.normal(size=count),
        user_features=user_features,
        moment_features=rng.normal(scale=10.0, size=(count, len(MOMENT_FEATURES))),
    )


@given(
    seed=st.integers(0, 1000),
    weights=st.builds(Weights, number, number, number, st.floats(0.05, 1.5)),
    slope=st.floats(0.2, 1.5),
    has_trees=st.booleans(),
)
def test_a_score_is_the_sum_of_its_parts(
    seed: int, weights: Weights, slope: float, *, has_trees: bool
) -> None:
    booster = noise(FEATURES) if has_trees else None
    model = untrained(weights=weights, booster=booster, trees_rank=True, calibration=(0.3, slope))
    rows = some_rows(seed)
    probability = model.predict(rows)
    told = model.contributions(rows)
    within = (probability > 2e-6) & (probability < 1.0 - 2e-6)  # beyond, no score goes
    score = np.log(probability) - np.log1p(-probability)
    assert told.logit[within] == pytest.approx(score[within], abs=1e-8)
    assert told.trees.shape == (len(rows), len(FEATURES) if has_trees else 0)
    assert told.tree_features == (FEATURES if has_trees else ())


def test_of_whom_nothing_is_known_no_part_is_the_users_own() -> None:
    rows = some_rows(3)
    nothing = np.zeros(len(rows))
    parts = replace(rows.parts, activity=nothing, answers=nothing)
    silent = replace(rows, level=nothing, activity_rate=nothing, parts=parts)
    told = untrained(booster=noise(FEATURES), trees_rank=True).contributions(silent)
    for name in ("own_visits", "own_answers", "level", "pace"):
        assert not told.parts[name].any()
    hours = rows.parts.population + rows.message
    assert told.parts["everybodys_hours"] == pytest.approx(hours)


@given(visits=evidence, sends=evidence, more=st.floats(0.1, 1e4), probability=likelihood)
def test_more_evidence_weighs_more(
    visits: float, sends: float, more: float, probability: float
) -> None:
    few, many = (
        own_weights(
            replace(PRIOR, late_weight=0.5),
            visits=visits,
            late_answers=each,
            sends=sends + each,
            probability=probability,
        )
        for each in (0.0, more)
    )
    assert 0.0 <= few.visits < many.visits < 1.0
    assert 0.0 <= few.answers < many.answers < 1.0


def test_without_evidence_everything_is_everybodys() -> None:
    nothing = {"visits": 0.0, "late_answers": 0.0, "sends": 0.0}
    assert own_weights(PRIOR, **nothing, probability=0.2) == OwnWeights(0.0, 0.0)


def test_as_many_visits_as_the_prior_has_weigh_as_much() -> None:
    even = replace(PRIOR, activity_prior=30.0)
    half = own_weights(even, visits=30.0, late_answers=0.0, sends=0.0, probability=0.2)
    assert half == OwnWeights(0.5, 0.0)


def test_visits_weigh_nothing_where_they_tell_nothing() -> None:
    shape = replace(PRIOR, activity_weight=0.0)
    seen = {"visits": 50.0, "late_answers": 50.0, "sends": 0.0}
    assert own_weights(shape, **seen, probability=0.2).visits == 0.0
