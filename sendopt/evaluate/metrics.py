"""What a prediction is worth, with intervals that respect that a user's moments hang together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sendopt.evaluate.chance import Group, Vector, user_sums

_RESAMPLES = 1000
_BINS = 10


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; users, not rows, are its unit."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.4f} [{self.low:.4f}, {self.high:.4f}]"


def log_losses(label: Vector, probability: Vector) -> Vector:
    """Return every row's log loss in nats."""
    losses: Vector = -np.log(np.where(label > 0.5, probability, 1.0 - probability))
    return losses


def brier(label: Vector, probability: Vector) -> float:
    """Return the mean squared error of the probabilities."""
    return float(np.mean((label - probability) ** 2))


def calibration_error(label: Vector, probability: Vector) -> float:
    """Return the expected calibration error over ten bins of equal count.

    >>> calibration_error(np.array([0.0, 1.0] * 50), np.full(100, 0.5))
    0.0
    """
    order = np.argsort(probability, kind="stable")
    gap = 0.0
    for rows in np.array_split(order, _BINS):
        if len(rows):
            gap += len(rows) * abs(float(label[rows].mean() - probability[rows].mean()))
    return gap / len(label)


def pair_counts(group: Group, score: Vector, label: Vector) -> tuple[Vector, Vector]:
    """Return per group how many (positive, negative) pairs are ordered rightly, and how many exist.

    Their ratio is the group's AUC; a tie is half a pair.
    """
    groups = int(group.max()) + 1 if len(group) else 0
    order = np.lexsort((score, group))
    g, s, y = group[order], score[order], label[order]
    new_tie = np.r_[True, (g[1:] != g[:-1]) | (s[1:] != s[:-1])] if len(g) else np.zeros(0, bool)
    tie = np.cumsum(new_tie) - 1
    tie_group = g[new_tie]
    positives = _sums(tie, y, len(tie_group))
    negatives = _sums(tie, 1.0 - y, len(tie_group))
    below = np.cumsum(negatives) - negatives
    first = np.r_[True, tie_group[1:] != tie_group[:-1]] if len(tie_group) else new_tie
    start = np.repeat(below[first], np.bincount(np.cumsum(first) - 1)) if len(tie_group) else below
    right = positives * (below - start + 0.5 * negatives)
    ordered = _sums(tie_group, right, groups)
    pairs = _sums(group, label, groups) * _sums(group, 1.0 - label, groups)
    return ordered, pairs


def reward_of_choice(group: Group, score: Vector, label: Vector) -> Vector:
    """Return per group the label of the row with the highest score; ties share evenly."""
    groups = int(group.max()) + 1 if len(group) else 0
    best = np.full(groups, -np.inf)
    np.maximum.at(best, group, score)
    chosen = score >= best[group]
    return _sums(group, label * chosen, groups) / _sums(group, chosen.astype(np.float64), groups)


def user_interval(value: Vector, weight: Vector, user: Group, rng: np.random.Generator) -> Interval:
    """Return sum(value) / sum(weight) with a bootstrap interval that resamples whole users."""
    sums = np.column_stack([user_sums(value, user), user_sums(weight, user)])
    users = len(sums)
    # One at a time bounds the memory; to count draws is faster than to draw counts (multinomial).
    drawn = np.array(
        [
            np.bincount(rng.integers(users, size=users), minlength=users) @ sums
            for _ in range(_RESAMPLES)
        ]
    )
    drawn = drawn[drawn[:, 1] > 0]
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    total, count = sums.sum(axis=0)
    return Interval(float(total / count), float(low), float(high))


def _sums(group: Group, value: Vector, groups: int) -> Vector:
    return np.bincount(group, weights=value, minlength=groups).astype(np.float64)
