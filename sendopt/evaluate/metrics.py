"""What a prediction is worth, with intervals that respect that a user's moments hang together."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt

import numpy as np

from sendopt.evaluate.chance import (
    Group,
    Mean,
    Vector,
    equal_bins,
    ratio,
    t_above,
    t_beyond,
    user_sums,
)

#: Users. With fewer, nothing bounds an interval: how far users differ is not known.
FEWEST_FOR_INTERVAL = 5

_LEVEL = 0.025  # of the truths lie below an interval, and as many above


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; users, not rows, are its unit."""

    estimate: float
    low: float  # -inf and inf: of so few users nothing bounds it
    high: float

    @property
    def bounded(self) -> bool:
        """Whether there were users enough for an interval."""
        return isfinite(self.low) and isfinite(self.high)

    def __str__(self) -> str:
        if not self.bounded:
            return f"{self.estimate:.4f} [too few users to bound it]"
        return f"{self.estimate:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True)
class Gain(Interval):
    """What one model is better than another by."""

    p_below: float  # by chance it would be so far below 0, one-sidedly; NaN = too few users


def log_losses(label: Vector, probability: Vector) -> Vector:
    """Return every row's log loss in nats."""
    losses: Vector = -np.log(np.where(label > 0.5, probability, 1.0 - probability))
    return losses


def brier(label: Vector, probability: Vector, weight: Vector | None = None) -> float:
    """Return the mean squared error of the probabilities; without `weight` all rows count alike."""
    return float(np.average((label - probability) ** 2, weights=weight))


def calibration_error(label: Vector, probability: Vector, weight: Vector | None = None) -> float:
    """Return the expected calibration error over ten bins of equal weight.

    >>> calibration_error(np.array([0.0, 1.0] * 50), np.full(100, 0.5))
    0.0
    """
    weight = np.ones(len(label)) if weight is None else weight
    gap = np.bincount(equal_bins(probability, weight), weights=weight * (label - probability))
    return float(np.abs(gap).sum() / weight.sum())


def pair_counts(
    group: Group, score: Vector, label: Vector, weight: Vector | None = None
) -> tuple[Vector, Vector]:
    """Return per group how many (positive, negative) pairs are ordered rightly, and how many exist.

    Their ratio is the group's AUC; a tie is half a pair. With weights a pair counts the product of
    its two.
    """
    weight = np.ones(len(label)) if weight is None else weight
    groups = int(group.max()) + 1 if len(group) else 0
    order = np.lexsort((score, group))
    g, s, y, w = group[order], score[order], label[order], weight[order]
    new_tie = np.r_[True, (g[1:] != g[:-1]) | (s[1:] != s[:-1])] if len(g) else np.zeros(0, bool)
    tie = np.cumsum(new_tie) - 1
    tie_group = g[new_tie]
    positives = _sums(tie, w * y, len(tie_group))
    negatives = _sums(tie, w * (1.0 - y), len(tie_group))
    below = np.cumsum(negatives) - negatives
    first = np.r_[True, tie_group[1:] != tie_group[:-1]] if len(tie_group) else new_tie
    start = np.repeat(below[first], np.bincount(np.cumsum(first) - 1)) if len(tie_group) else below
    right = positives * (below - start + 0.5 * negatives)
    ordered = _sums(tie_group, right, groups)
    pairs = _sums(group, weight * label, groups) * _sums(group, weight * (1.0 - label), groups)
    return ordered, pairs


def reward_of_choice(group: Group, score: Vector, label: Vector) -> Vector:
    """Return per group the label of the row with the highest score; ties share evenly."""
    groups = int(group.max()) + 1 if len(group) else 0
    best = np.full(groups, -np.inf)
    np.maximum.at(best, group, score)
    chosen = score >= best[group]
    return _sums(group, label * chosen, groups) / _sums(group, chosen.astype(np.float64), groups)


def user_interval(value: Vector, weight: Vector, user: Group) -> Interval:
    """Return sum(value) / sum(weight) with Student's interval, users as units.

    The error is the jackknife's over users, its freedom Satterthwaite's (see `chance.ratio`): a
    bootstrap's percentiles miss the truth twice as often as they say where users are few, or a few
    of them do most. With fewer than FEWEST_FOR_INTERVAL, or one who carries it all, nothing bounds
    it.
    """
    return _interval(ratio(user_sums(value, user), user_sums(weight, user)))


def _interval(found: Mean) -> Interval:
    if found.users < FEWEST_FOR_INTERVAL:
        return Interval(found.estimate, -inf, inf)
    t = t_beyond(_LEVEL, found.freedom)
    half = t * found.standard_error
    moved = found.skewness * found.standard_error * (1.0 + 2.0 * t * t) / (6.0 * sqrt(found.users))
    return Interval(
        found.estimate,
        found.estimate - half + min(moved, 0.0),
        found.estimate + half + max(moved, 0.0),
    )


def user_gain(value: Vector, weight: Vector, user: Group) -> Gain:
    """Return `user_interval` of a gain, and how likely chance makes of none so large a loss.

    That is the level at which the upper end of an interval would be 0.
    """
    found = ratio(user_sums(value, user), user_sums(weight, user))
    interval = _interval(found)
    p_below = _p_below(found) if interval.bounded else nan
    return Gain(interval.estimate, interval.low, interval.high, p_below)


def _p_below(found: Mean) -> float:
    loss, error = -found.estimate, found.standard_error
    if error == 0.0:
        return 0.0 if loss > 0.0 else 1.0
    skew = found.skewness * error / (6.0 * sqrt(found.users))
    if loss <= 0.0 or skew <= 0.0:
        return t_above(loss / error, found.freedom)
    # As in `user_interval`: the loss is t errors and skew (1 + 2 t^2).
    root = sqrt(error**2 + 8.0 * skew * max(loss - skew, 0.0))
    return t_above((root - error) / (4.0 * skew), found.freedom)


def user_share(value: Vector, weight: Vector, user: Group) -> Interval:
    """Return sum(value) / sum(weight), a share, with Wilson's interval, users as units.

    Values lie in 0..weight. Wilson's binomial interval at the effective sample size: as many
    independent draws as have this estimate's variance (Korn and Graubard 1998), with Student's t
    for its z. A symmetrical interval is too short towards the middle where a share is near 0 or 1.
    """
    sums = user_sums(weight, user)
    found = ratio(user_sums(value, user), sums)
    if found.users < FEWEST_FOR_INTERVAL:
        return Interval(found.estimate, -inf, inf)
    t2 = t_beyond(_LEVEL, found.freedom) ** 2
    users = float(sums.sum()) ** 2 / float((sums**2).sum())
    inside = min(max(found.estimate, 1.0 / (users + 2.0)), 1.0 - 1.0 / (users + 2.0))
    # Where nobody differed, as many draws as users.
    error = found.standard_error
    size = min(float(sums.sum()), inside * (1.0 - inside) / error**2) if error else users
    limits = np.array([_wilson(share, size, t2) for share in (found.estimate, inside)])
    low, high = limits[:, 0].min(), limits[:, 1].max()
    return Interval(found.estimate, max(float(low), 0.0), min(float(high), 1.0))


def _wilson(share: float, size: float, t2: float) -> tuple[float, float]:
    centre = (share + t2 / (2.0 * size)) / (1.0 + t2 / size)
    half = sqrt(t2 / size * share * (1.0 - share) + (t2 / (2.0 * size)) ** 2) / (1.0 + t2 / size)
    return centre - half, centre + half


def _sums(group: Group, value: Vector, groups: int) -> Vector:
    return np.bincount(group, weights=value, minlength=groups).astype(np.float64)
