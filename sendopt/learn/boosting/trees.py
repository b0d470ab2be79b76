"""Gradient-boosted trees on the offset of the level-shape model (LightGBM)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sendopt.learn.boosting.stored_trees import StoredTrees
from sendopt.parallel import at_hand

if TYPE_CHECKING:
    import lightgbm as lgb

Vector = NDArray[np.float64]
Trees: TypeAlias = "lgb.Booster | StoredTrees"

_THREADS = re.compile(r"^\[num_threads: .*\]\n", re.MULTILINE)
_FEWEST_OF_A_CLASS = 50
_MOST_STOP_ROWS = 100_000
_DATASET = {
    "verbosity": -1,
    "feature_pre_filter": False,
    "enable_bundle": False,  # the columns are dense
    "bin_construct_sample_cnt": 50_000,  # for 63 bins
}


@dataclass(frozen=True)
class OffsetTrees:
    """Small, slow-learning trees: the offset knows most of it already."""

    num_leaves: int
    learning_rate: float
    max_rounds: int
    patience_rounds: int
    look_every_rounds: int  # at the rows to stop by: looking costs
    min_child_samples: int
    lambda_l2: float
    max_bin: int
    fatigue: tuple[str, ...]  # features: more of these never makes an answer likelier


@dataclass(frozen=True)
class Sample:
    """Rows to learn from or to stop by."""

    features: NDArray[np.float32]
    label: Vector
    weight: Vector
    offset: Vector  # logit that the trees add to

    def slice(self, most: int) -> Sample:
        """Return at most `most` rows, spread evenly."""
        if len(self.label) <= most:
            return self
        every = np.arange(0, len(self.label), -(-len(self.label) // most))
        return Sample(
            self.features[every], self.label[every], self.weight[every], self.offset[every]
        )


def fit(
    definition: OffsetTrees,
    learn: Sample,
    stop: Sample,
    *,
    names: Sequence[str],
    seed: int,
    threads: int,
) -> StoredTrees | None:
    """Return trees that add to the offset's logit, or None if they do not help on `stop`."""
    import lightgbm as lgb  # noqa: PLC0415 - see `stored_trees`

    counts = np.bincount(learn.label.astype(np.intp), minlength=2)
    if counts.min() < _FEWEST_OF_A_CLASS or len(np.unique(stop.label)) < 2:
        return None
    few = stop.slice(_MOST_STOP_ROWS)
    train_set = _dataset(definition, learn, names, threads)
    stop_set = _dataset(definition, few, names, threads, reference=train_set)
    booster = lgb.Booster(_parameters(definition, names, seed, threads), train_set)
    booster.add_valid(stop_set, "stop")
    booster.best_iteration = _grow(booster, definition, _log_loss(few, few.offset))
    if not booster.best_iteration:
        return None
    # As it will be stored: what is judged is what serves.
    return from_text(to_text(booster), threads=threads)


def _parameters(
    definition: OffsetTrees, names: Sequence[str], seed: int, threads: int
) -> dict[str, Any]:
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "num_leaves": definition.num_leaves,
        "learning_rate": definition.learning_rate,
        "min_child_samples": definition.min_child_samples,
        "lambda_l2": definition.lambda_l2,
        "max_bin": definition.max_bin,
        "monotone_constraints": [-1 if name in definition.fatigue else 0 for name in names],
        "boost_from_average": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": at_hand(threads),
        "seed": seed,
        **_DATASET,
    }


def _grow(booster: lgb.Booster, definition: OffsetTrees, offset_loss: float) -> int:
    """Add trees until they help no more where they stop; return with how many they helped most.

    0 = the offset alone, whose loss there is `offset_loss`, is better than with any of them.
    """
    best_loss, best_round = offset_loss, 0
    for number in range(1, definition.max_rounds + 1):
        finished = booster.update()
        if number % definition.look_every_rounds == 0 or finished:
            loss = booster.eval_valid()[0][2]
            if loss < best_loss:
                best_loss, best_round = loss, number
            if finished or number - best_round >= definition.patience_rounds:
                break
    return best_round


def added_logit(
    booster: Trees | None, features: NDArray[np.float64] | NDArray[np.float32]
) -> Vector:
    """Return what the trees add to the offset of each row; zero without trees."""
    if booster is None:
        return np.zeros(len(features))
    if len(features) == 0:
        return np.zeros(0)
    return np.asarray(booster.predict(features, raw_score=True), dtype=np.float64)


def to_text(booster: Trees) -> str:
    """Return LightGBM's own text format: data, never code.

    How many threads grew the trees is left out: they are the same on any number (`deterministic`).
    """
    if isinstance(booster, StoredTrees):
        return booster.text
    text = str(booster.model_to_string(num_iteration=booster.best_iteration))
    return _THREADS.sub("", text)


def from_text(text: str, *, threads: int) -> StoredTrees:
    """Read what `to_text` wrote."""
    return StoredTrees(text, threads)


def _dataset(
    definition: OffsetTrees,
    sample: Sample,
    names: Sequence[str],
    threads: int,
    reference: lgb.Dataset | None = None,
) -> lgb.Dataset:
    import lightgbm as lgb  # noqa: PLC0415 - see `stored_trees`

    return lgb.Dataset(
        sample.features,
        label=sample.label,
        weight=sample.weight,
        init_score=sample.offset,
        feature_name=list(names),
        reference=reference,
        # Without its own, construction takes every core there is.
        params={**_DATASET, "max_bin": definition.max_bin, "num_threads": at_hand(threads)},
        free_raw_data=True,
    )


def _log_loss(sample: Sample, logit: Vector) -> float:
    signed = np.where(sample.label > 0.5, logit, -logit)
    return float(np.average(np.logaddexp(0.0, -signed), weights=sample.weight))
