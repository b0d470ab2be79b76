"""What chance alone would do, where a user's moments hang together.

Every test here treats a user as one draw, and all that the user did as one sum.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Group = NDArray[np.intp]
Hypothesis = TypeVar("Hypothesis", bound=Hashable)

#: Users. With fewer, how far they differ is known too badly for a test to refuse anything.
FEWEST_FOR_TEST = 20

#: Of probabilities, by which their calibration is told.
BINS = 10

_DRAWS, _DRAWS_AT_ONCE = 2000, 50  # the latter bounds the memory where users are many
_LEAST_FREEDOM = 3.0  # fewer would claim to know that next to nothing is known


@dataclass(frozen=True)
class Mean:
    """A mean with its standard error from users."""

    estimate: float
    standard_error: float
    users: int
    freedom: float  # degrees of it in the standard error, fewer where few users carry most of it
    skewness: float = field(default=0.0, repr=False)  # of the users' influences

    @property
    def z(self) -> float:
        """How many standard errors it is from zero; 0 if nothing varied."""
        return self.estimate / self.standard_error if self.standard_error > 0.0 else 0.0


def clustered_mean(value: Vector, user: Group, weight: Vector | None = None) -> Mean:
    """Return the mean of `value` with a standard error that lets a user's values hang together.

    Without `weight` all values count alike.

    >>> clustered_mean(np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))
    Mean(estimate=2.0, standard_error=1.0, users=2, freedom=3.0)
    """
    weight = np.ones(len(value)) if weight is None else weight
    mean = float(np.average(value, weights=weight))
    sums = user_sums(weight * (value - mean), user)
    error, freedom = spread(sums)
    return Mean(mean, error / float(weight.sum()), len(sums), freedom)


def ratio(value: Vector, weight: Vector) -> Mean:
    """Return the ratio of two sums over users, with the error that leaving each out tells.

    The jackknife sees what linearising the ratio does not: where few users hold most of the weight,
    how much one of them moves it. Its degrees of freedom are the least of three: users less one;
    Satterthwaite's (1946) from how uneven the users' influences came out, as in `spread`; and from
    how uneven their weights are, known before anything came out (Bell and McCaffrey 2002).

    Args:
        value: sums of each user.
        weight: sums of each user, not negative; who has none does not count.
    """
    value, weight = value[weight > 0.0], weight[weight > 0.0]
    users = len(weight)
    total, all_weight = float(value.sum()), float(weight.sum())
    estimate = total / all_weight if users else np.nan
    if users < 2:
        return Mean(estimate, np.inf, users, 0.0)
    moved = (total - value) / (all_weight - weight) - estimate
    squares = float((moved**2).sum())
    error = float(np.sqrt(squares * (users - 1) / users))
    share = (weight / all_weight) ** 2
    freedom = min(users - 1.0, float(share.sum() ** 2 / (share**2).sum()) - 1.0)
    if squares > 0.0:
        kurtosis = float((moved**4).sum()) * users / squares**2
        freedom = min(freedom, 2.0 * users / max(kurtosis - 1.0, 2.0))
        third = float((moved**3).sum())
        skewness = -third * users**0.5 / squares**1.5  # leaving out what raises it lowers it
        return Mean(estimate, error, users, max(freedom, 1.0), skewness)
    return Mean(estimate, error, users, max(freedom, 1.0))


def user_sums(value: Vector, user: Group) -> Vector:
    """Return the sum of every user's values."""
    _, number = np.unique(user, return_inverse=True)
    return np.bincount(number, weights=value).astype(np.float64)


def spread(sums: Vector) -> tuple[float, float]:
    """Return the standard error of the total of users' sums, and its degrees of freedom.

    se^2 = sum_u s_u^2 x U / (U - 1), the cluster-robust variance of sums whose mean is 0 (Liang and
    Zeger 1986). Few users carry most of it where some do far more than others: it is then known
    from few numbers, as many as Satterthwaite (1946) says, 2 U / (kurtosis of the sums - 1).
    """
    users, squares = len(sums), float((sums**2).sum())
    error = float(np.sqrt(squares * users / max(users - 1, 1)))
    kurtosis = float((sums**4).sum()) * users / squares**2 if squares > 0.0 else 3.0
    return error, max(2.0 * users / max(kurtosis - 1.0, 2.0), _LEAST_FREEDOM)


def z_beyond(level: float) -> float:
    """Return the z that chance passes, one-sidedly, with probability `level`.

    >>> round(z_beyond(0.05), 3)
    1.645
    """
    return -NormalDist().inv_cdf(level)


def t_beyond(level: float, freedom: float) -> float:
    """Return what Student's t passes, one-sidedly, with probability `level`.

    >>> round(t_beyond(0.025, 20), 3), round(t_beyond(0.001, 3), 3)
    (2.086, 10.215)
    """
    # SciPy takes a third of a second to import, which only those who judge should pay.
    from scipy.special import stdtrit  # noqa: PLC0415

    return -float(stdtrit(freedom, level))


def t_above(t: float, freedom: float) -> float:
    """Return the probability with which Student's t passes `t`; the inverse of `t_beyond`.

    >>> round(t_above(2.086, 20), 3)
    0.025
    """
    from scipy.special import stdtr  # noqa: PLC0415 - as in `t_beyond`

    return float(stdtr(freedom, -t))


def holm(p: Mapping[Hypothesis, float], level: float) -> list[Hypothesis]:
    """Return which hypotheses are refused, the likeliest to be wrong first (Holm 1979).

    With a probability of at most `level` any of those refused is true, however they hang together.

    >>> holm({"a": 0.02, "b": 0.004, "c": 0.3}, 0.05)
    ['b', 'a']
    """
    refused = []
    for number, each in enumerate(sorted(p, key=lambda name: p[name])):
        if not p[each] <= level / (len(p) - number):
            break
        refused.append(each)
    return refused


def f_beyond(level: float, above: float, below: float) -> float:
    """Return what F of `above` and `below` degrees of freedom passes with probability `level`.

    >>> round(f_beyond(0.05, 2, 10), 3)
    4.103
    """
    from scipy.special import fdtri  # noqa: PLC0415 - as in `t_beyond`

    return float(fdtri(above, below, 1.0 - level))


@dataclass(frozen=True)
class CalibrationTest:
    """An expected calibration error, and how large it gets where every probability is right."""

    error: float  # over ten bins of equal weight
    by_chance: float  # its quantile under perfect calibration, given these users and rows


def equal_bins(probability: Vector, weight: Vector) -> Group:
    """Return the bin of each row, 0..9: bins of equal weight, in the order of `probability`."""
    order = np.argsort(probability, kind="stable")
    middle = np.cumsum(weight[order]) - weight[order] / 2.0
    bin_of = np.empty(len(order), np.intp)
    bin_of[order] = np.minimum(middle * BINS / weight.sum(), BINS - 1)
    return bin_of


def calibration_test(
    label: Vector,
    probability: Vector,
    user: Group,
    *,
    level: float,
    rng: np.random.Generator,
    weight: Vector | None = None,
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
        weight: of each row, above 0; None = all count alike.
    """
    weight = np.ones(len(label)) if weight is None else weight
    bin_of, total = equal_bins(probability, weight), float(weight.sum())
    _, number = np.unique(user, return_inverse=True)
    users = int(number.max()) + 1
    cell = number * BINS + bin_of
    sums = np.bincount(cell, weights=weight * (label - probability), minlength=users * BINS)
    residual = sums.reshape(users, BINS)
    null = (
        np.concatenate(
            [
                np.abs(rng.standard_normal((_DRAWS_AT_ONCE, users)) @ residual).sum(axis=1)
                for _ in range(_DRAWS // _DRAWS_AT_ONCE)
            ]
        )
        / total
    )
    return CalibrationTest(
        error=float(np.abs(residual.sum(axis=0)).sum() / total),
        by_chance=float(np.quantile(null, 1.0 - level)),
    )
