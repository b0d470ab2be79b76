"""Training: everything that `trees.fit` does, against the time inside LightGBM's own boosting.

What lies between the two is ours to save: building the datasets, evaluating for early stopping,
judging the result. Both are clocked in the same runs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import lightgbm as lgb
import numpy as np

from sendopt.learn.boosting import trees
from sendopt.learn.boosting.trees import OffsetTrees, Sample

ROWS, FEATURES, ROUNDS, RUNS, THREADS, SEED = 2_000_000, 30, 100, 3, 2, 1
STOP_SHARE = 0.2  # of the rows, to stop by


def measure() -> Iterator[tuple[str, str, str, str]]:
    learn, stop = _samples()
    definition = OffsetTrees(
        num_leaves=31,
        learning_rate=0.05,
        max_rounds=ROUNDS,
        patience_rounds=ROUNDS,
        look_every_rounds=5,
        min_child_samples=200,
        lambda_l2=10.0,
        max_bin=63,
        fatigue=(),
    )
    totals, inside, ratios = [], [], []
    for _ in range(RUNS):
        with _clocked_updates() as updates:
            begun = time.perf_counter()
            trees.fit(
                definition,
                learn,
                stop,
                names=[f"feature_{number}" for number in range(FEATURES)],
                seed=SEED,
                threads=THREADS,
            )
            totals.append(time.perf_counter() - begun)
        assert len(updates) == ROUNDS
        inside.append(sum(updates))
        ratios.append(totals[-1] / inside[-1])
    yield (
        f"train {ROUNDS} rounds on {len(learn.label):,} x {FEATURES}, stop by {len(stop.label):,}",
        f"{statistics.median(totals):.1f} s",
        f"inside LightGBM's boosting: {statistics.median(inside):.1f} s",
        f"{statistics.median(ratios):.2f} x the time",
    )


def _samples() -> tuple[Sample, Sample]:
    rng = np.random.default_rng(SEED)
    features = rng.standard_normal((ROWS, FEATURES), dtype=np.float32)
    logit = features[:, 0] + features[:, 1] * features[:, 2] / 2 + np.sin(features[:, 3])
    label = (rng.random(ROWS) < 1.0 / (1.0 + np.exp(-logit))).astype(np.float64)
    cut = round(ROWS * (1.0 - STOP_SHARE))

    def sample(rows: slice) -> Sample:
        return Sample(
            features=features[rows].copy(),  # LightGBM warns of views
            label=label[rows],
            weight=np.ones(len(label[rows])),
            offset=np.zeros(len(label[rows])),
        )

    return sample(slice(cut)), sample(slice(cut, None))


@contextmanager
def _clocked_updates() -> Iterator[list[float]]:
    """Yield a list that gathers the seconds of every round that LightGBM boosts."""
    seconds: list[float] = []
    update = lgb.Booster.update

    def clocked(booster: lgb.Booster, *args: Any, **kwargs: Any) -> bool:
        begun = time.perf_counter()
        finished = update(booster, *args, **kwargs)
        seconds.append(time.perf_counter() - begun)
        return finished

    with patch.object(lgb.Booster, "update", clocked):
        yield seconds


if __name__ == "__main__":
    for row in measure():
        print(" | ".join(row))
