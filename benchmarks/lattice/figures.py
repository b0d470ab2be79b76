"""What a choice and a probability are worth where the planted probability is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lattice.arrays import Numbers, Vector

_BINS = 10


@dataclass(frozen=True)
class Value:
    """The share of the way from a random hour to the oracle, with its standard error over users."""

    share: float
    error: float


def chosen(score: Vector, planted: Vector) -> Vector:
    """Return per user-day the planted probability of the best-scored hour; ties share evenly."""
    best = score >= score.max(axis=1, keepdims=True)
    mean: Vector = (planted * best).sum(axis=1) / best.sum(axis=1)
    return mean


def value(score: Vector, planted: Vector, user: Numbers) -> Value:
    """Return what choosing by `score` is worth. All hours alike to the oracle: 1, without error."""
    random, oracle = planted.mean(axis=1), planted.max(axis=1)
    gained, possible = (
        by_user(chosen(score, planted) - random, user),
        by_user(oracle - random, user),
    )
    if possible.sum() < 1e-12:
        return Value(1.0, 0.0)
    share = gained.sum() / possible.sum()
    users = len(gained)
    spread = (gained - share * possible).std(ddof=1) if users > 1 else np.nan
    return Value(float(share), float(spread * np.sqrt(users) / possible.sum()))


def z_of_difference(ours: Vector, other: Vector, planted: Vector, user: Numbers) -> float:
    """Return how many standard errors, over users, ours is above another score."""
    difference = by_user(chosen(ours, planted) - chosen(other, planted), user)
    if len(difference) < 2 or not difference.any():
        return 0.0
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return float(difference.mean() / error)


def pair_counts(score: Vector, planted: Vector) -> tuple[Vector, Vector]:
    """Return per row how many (answered, silent) pairs of times are in the right order, and of all.

    Both are expectations if `planted` holds probabilities, counts if it holds outcomes. A tie is
    half a pair; where `planted` is NaN there is no time.
    """
    right, pairs = np.zeros((2, len(score)))
    for column in range(score.shape[1]):
        others = np.delete(np.arange(score.shape[1]), column)
        weight = np.nan_to_num(planted[:, [column]] * (1.0 - planted[:, others]))
        ahead = np.sign(score[:, [column]] - score[:, others])
        right += (weight * (0.5 + 0.5 * np.nan_to_num(ahead))).sum(axis=1)
        pairs += weight.sum(axis=1)
    return right, pairs


def within_day_auc(score: Vector, planted: Vector) -> float:
    """Return the share of pairs of hours of a user's day that are in the right order."""
    right, pairs = pair_counts(score, planted)
    return float(right.sum() / pairs.sum())


def in_the_large(predicted: Vector, planted: Vector) -> float:
    """Return mean prediction over mean planted probability: 1 is right."""
    return float(predicted.mean() / planted.mean())


def calibration_error(predicted: Vector, planted: Vector) -> float:
    """Return the mean gap between prediction and planted probability over ten equal bins."""
    order = np.argsort(predicted, axis=None, kind="stable")
    gaps = [
        len(rows) * abs(float((predicted.ravel()[rows] - planted.ravel()[rows]).mean()))
        for rows in np.array_split(order, _BINS)
        if len(rows)
    ]
    return sum(gaps) / predicted.size


def by_user(value_of_day: Vector, user: Numbers) -> Vector:
    """Return sums over each user's days; users by their number."""
    _, position = np.unique(user, return_inverse=True)
    return np.bincount(position, weights=value_of_day).astype(np.float64)
