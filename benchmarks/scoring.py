"""Scoring every hour of the week: collapsed trees against the booster's own predict.

python benchmarks/scoring.py [USERS]     one run over many users, in chunks (default 10,000,000)
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Iterator

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from sendopt.learn import tree_tables
from sendopt.learn.boosting.collapse import UserTrees, collapse
from sendopt.learn.boosting.walk import add_trees
from sendopt.score import SLOTS_A_WEEK

USERS = 1_000_000
CHUNK = 20_000  # users whose logits are in memory at once
SAMPLE = 1_000  # users a run of the booster's own predict
RUNS = 5
TREES, LEAVES, THREADS = 200, 31, 2
USER_FEATURES = 14
HOUR_OF_WEEK = np.arange(SLOTS_A_WEEK, dtype=np.float64)
HOUR, DAY = HOUR_OF_WEEK % 24.0, HOUR_OF_WEEK // 24.0
CALIBRATION = (0.1, 0.9)

Matrix = NDArray[np.float64]
SLOT_FEATURES = {USER_FEATURES: HOUR, USER_FEATURES + 1: DAY}


def measure() -> Iterator[tuple[str, str, str, str]]:
    booster = grow()
    trees = collapse_week(booster)
    ours, theirs, errors, equal_tops = [], [], [], []
    once(trees, booster, np.random.default_rng(0))  # compiles the walk
    for run in range(RUNS):
        seconds, seconds_of_booster, error, equal = once(trees, booster, np.random.default_rng(run))
        ours.append(CHUNK * SLOTS_A_WEEK / seconds)
        theirs.append(SAMPLE * SLOTS_A_WEEK / seconds_of_booster)
        errors.append(error)
        equal_tops.append(equal)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    yield (
        f"score {SLOTS_A_WEEK} slots a user, {TREES} trees of {LEAVES} leaves on an offset",
        f"{statistics.median(ours):,.0f} rows/s",
        f"LightGBM `Booster.predict`: {statistics.median(theirs):,.0f} rows/s",
        f"{ratio:.0f} x",
    )
    yield (
        "the same: best slot as by `predict`, largest difference of a logit",
        f"{statistics.mean(equal_tops):.2%} of users, {max(errors):.1e}",
        "",
        "",
    )
    begun = time.perf_counter()
    score_many(trees, USERS)
    yield (
        f"score {USERS:,} users x {SLOTS_A_WEEK} slots in chunks, inputs made on the way",
        f"{time.perf_counter() - begun:.0f} s, peak memory {peak_gigabytes():.1f} GB",
        "",
        "",
    )


def once(
    trees: UserTrees, booster: lgb.Booster, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Score a chunk; return our seconds, the booster's, largest error, share of equal tops."""
    features, logit = users(rng, CHUNK), offsets(rng, CHUNK)
    rows = np.hstack(
        [
            np.repeat(features[:SAMPLE], SLOTS_A_WEEK, axis=0),
            np.tile(np.column_stack([HOUR, DAY]), (SAMPLE, 1)),
        ]
    )
    expected = logit[:SAMPLE].astype(np.float64)
    begun = time.perf_counter()
    probability(trees, features, logit)
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    raw = np.asarray(booster.predict(rows, raw_score=True, num_threads=THREADS))
    seconds_of_booster = time.perf_counter() - begun
    expected = CALIBRATION[0] + CALIBRATION[1] * (expected + raw.reshape(expected.shape))
    found = logit[:SAMPLE]
    equal = float(np.mean(found.argmax(axis=1) == expected.argmax(axis=1)))
    return seconds, seconds_of_booster, float(np.abs(found - expected).max()), equal


def probability(
    trees: UserTrees, features: Matrix, logit: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Turn `logit` from offsets into logits, and return the probabilities."""
    add_trees(trees, features, logit, threads=THREADS)
    intercept, slope = CALIBRATION
    logit *= np.float32(slope)
    logit += np.float32(intercept)
    odds = np.exp(-logit)
    odds += 1.0
    return np.reciprocal(odds, out=odds)


def score_many(trees: UserTrees, count: int) -> None:
    rng = np.random.default_rng(0)
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        probability(trees, users(rng, size), offsets(rng, size))


def grow() -> lgb.Booster:
    """Trees in which users and slots are entangled, as answers to pushes are."""
    rng = np.random.default_rng(1)
    count = 200_000
    features, slot = users(rng, count), rng.integers(0, SLOTS_A_WEEK, count)
    hour, day = HOUR[slot], DAY[slot]
    logit = (
        0.6 * np.log1p(features[:, 0]) * np.sin(hour * np.pi / 12 + features[:, 1] / 5)
        + 0.4 * (features[:, 2] > 5) * (day >= 5)
        + 0.3 * np.cos(hour * np.pi / 6) * (features[:, 3] > 4)
        + 0.05 * features[:, 4]
        + 0.2 * (np.nan_to_num(features[:, 12]) < 3)
        - 1.5
    )
    label = rng.random(count) < 1 / (1 + np.exp(-logit))
    params = {
        "objective": "binary",
        "num_leaves": LEAVES,
        "num_threads": THREADS,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lgb.Dataset(np.column_stack([features, hour, day]), label)
    return lgb.train(params, data, num_boost_round=TREES)


def collapse_week(booster: lgb.Booster) -> UserTrees:
    return collapse(tree_tables(booster), SLOT_FEATURES, slots=SLOTS_A_WEEK)


def users(rng: np.random.Generator, count: int) -> Matrix:
    """Counts, and ages of which a tenth is missing: like the features that trees read."""
    features = rng.standard_gamma(1.5, (count, USER_FEATURES)) * 4.0
    features[:, :10] = np.floor(features[:, :10])
    features[:, 10:][rng.random((count, USER_FEATURES - 10)) < 0.1] = np.nan
    return features


def offsets(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    return rng.standard_normal((count, SLOTS_A_WEEK), dtype=np.float32)


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    trees = collapse_week(grow())
    begun = time.perf_counter()
    score_many(trees, count)
    seconds = time.perf_counter() - begun
    print(
        f"{count:,} users x {SLOTS_A_WEEK} slots in {seconds:.0f} s, "
        f"peak memory {peak_gigabytes():.1f} GB"
    )


if __name__ == "__main__":
    main()
