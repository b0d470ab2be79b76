"""What chance alone would do, where a user's moments hang together.

Every test here treats a user as one draw, and all that the user did as one sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Group = NDArray[np.intp]

_NORMAL = NormalDist()
_DRAWS = 2000
_BINS = 10


@dataclass(frozen=True)
class Mean:
    """A mean with its standard error from users."""

    estimate: float
    standard_error: float
    users: int

    @property
    def z(self) -> float:
        """How many standard errors it is from zero; 0 if nothing varied."""
        return self.estimate / self.standard_error if self.standard_error > 0.0 else 0.0


def clustered_mean(value: Vector, user: Group) -> Mean:
    """Return the mean of `value` with a standard error that lets a user's values hang together.

    se^2 = sum_u (sum_{i of u} (v_i - mean))^2 / n^2 x U / (U - 1)

    >>> clustered_mean(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))
    Mean(estimate=2.0, standard_error=1.0, users=2)
    """
    mean = float(value.mean())
    _, number = np.unique(user, return_inverse=True)
    sums = np.bincount(number, weights=value - mean)
    users = len(sums)
    correction = users / max(users - 1, 1)
    error = float(np.sqrt((sums**2).sum() * correction)) / len(value)
    return Mean(mean, error, users)


def z_beyond(level: float, tests: int = 1) -> float:
    """Return the z that chance passes, one-sidedly, with probability `level` in any of `tests`.

    >>> round(z_beyond(0.05), 3), round(z_beyond(0.05, tests=10), 3)
    (1.645, 2.576)
    """
    return _NORMAL.inv_cdf(1.0 - level / tests)


@dataclass(frozen=True)
class CalibrationTest:
    """An expected calibration error, and how large it gets where every probability is right."""

    error: float  # over ten bins of equal count
    by_chance: float  # its quantile under perfect calibration, given these users and rows


def calibration_test(
    label: Vector, probability: Vector, user: Group, *, level: float, rng: np.random.Generator
) -> CalibrationTest:
    """Return the calibration error of `probability` and what chance makes of none.

    The null is a wild bootstrap: the residuals of each user are multiplied by one normal number,
    so that a user's answers still hang together. They are not centred, because under the null
    they already are; centred ones made perfect models of 150 users fail four times too often.

    Args:
        label: 0 or 1.
        probability: what was predicted.
        user: number of each row's user.
        level: the share of perfect models that would be above `by_chance`.
        rng: of the multipliers.
    """
    order = np.argsort(probability, kind="stable")
    bin_of = np.empty(len(label), np.intp)
    for place, rows in enumerate(np.array_split(order, _BINS)):
        bin_of[rows] = place
    _, number = np.unique(user, return_inverse=True)
    users = int(number.max()) + 1
    cell = number * _BINS + bin_of
    sums = np.bincount(cell, weights=label - probability, minlength=users * _BINS)
    residual = sums.reshape(users, _BINS)
    null = np.abs(rng.standard_normal((_DRAWS, users)) @ residual).sum(axis=1) / len(label)
    return CalibrationTest(
        error=float(np.abs(residual.sum(axis=0)).sum() / len(label)),
        by_chance=float(np.quantile(null, 1.0 - level)),
    )
