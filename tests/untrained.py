"""The level-shape model before any training, and trees that mean nothing."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import lightgbm as lgb
import numpy as np
from trained import PRIOR

from sendopt.features import Target
from sendopt.learn import ServableModel
from sendopt.learn.families import DEFAULT
from sendopt.learn.families.definition import shipped
from sendopt.learn.families.level_shape_trees.scorer import LevelShapeTrees
from sendopt.learn.families.level_shape_trees.weights import PopulationWeights, Weights
from sendopt.learn.level_shape import activity_prior, delays
from sendopt.learn.level_shape.level_shape_model import LevelShapeModel
from sendopt.learn.model.model import Provenance

USUAL = shipped(DEFAULT).document()


def untrained(
    *,
    until: datetime = datetime(2026, 9, 28, tzinfo=UTC),
    label_source: str = "sends",
    seed: int = 0,
    **parts: Any,
) -> ServableModel:
    """Return the model as it is before any training; `parts` stand in for its own."""
    learned = {
        "level_shape": LevelShapeModel(
            Target(timedelta(minutes=30)),
            PRIOR,
            activity_prior.unlearned(),
        ),
        "weights": Weights(),
        "baseline": PopulationWeights(),
        "booster": None,
        "trees_rank": False,
    }
    own = {
        "scorer": LevelShapeTrees(
            **{name: parts.pop(name, each) for name, each in learned.items()}
        ),
        "delays": delays.steady(),
        "calibration": (0.0, 1.0),
        "provenance": Provenance(0, until, until, label_source, "", USUAL, "0", seed),
    }
    return ServableModel(**(own | parts))


def rebuilt(model: ServableModel, **parts: Any) -> ServableModel:
    """Return the model with other parts of what its family learned."""
    return replace(model, scorer=replace(scorer_of(model), **parts))


def scorer_of(model: ServableModel) -> LevelShapeTrees:
    """Return what the level-shape family learned."""
    scorer = model.scorer
    assert isinstance(scorer, LevelShapeTrees)
    return scorer


@functools.cache
def noise(features: tuple[str, ...]) -> lgb.Booster:
    """Return trees that split on every feature and mean nothing."""
    rng = np.random.default_rng(1)
    rows = rng.normal(scale=10.0, size=(2000, len(features)))
    data = lgb.Dataset(rows, rng.random(2000) < 0.3, feature_name=list(features))
    params = {"objective": "binary", "num_threads": 1, "verbosity": -1, "feature_fraction": 0.5}
    return lgb.train(params, data, num_boost_round=20)
