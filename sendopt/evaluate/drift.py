"""Has the world moved? Distances between two times, and how far chance alone would go.

Every limit is worked out from the users and rows at hand: a fixed one, such as 0.2 for the PSI,
fires nearly always on small samples and never on large ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.chance import (
    FEWEST_FOR_TEST,
    Group,
    Vector,
    clustered_mean,
    t_beyond,
    z_beyond,
)


@dataclass(frozen=True)
class Shift:
    """How far something moved."""

    value: float
    by_chance: float  # chance stays below it but for the stated share of times; inf = too few users

    @property
    def beyond_chance(self) -> bool:
        """Whether it moved further than chance does."""
        return abs(self.value) > self.by_chance


def psi(before: Vector, after: Vector) -> float:
    """Return the population stability index of two histograms of counts.

    PSI = sum_b (q_b - p_b) ln(q_b / p_b), with half a count more in every bin.

    >>> psi(np.array([10.0, 10.0]), np.array([100.0, 100.0]))
    0.0
    """
    p = (before + 0.5) / (before + 0.5).sum()
    q = (after + 0.5) / (after + 0.5).sum()
    return float(((q - p) * np.log(q / p)).sum())


def shape_shift(before: Vector, after: Vector, *, level: float) -> Shift:
    """Return how far a histogram moved, users as units.

    Where nothing moved, the PSI is to second order a sum X of chi-squares weighed by the
    eigenvalues of the design matrix A = D^-1/2 (V + W) D^-1/2, with V and W the covariances of the
    shares from users and D the shares s (Rao and Scott, 1981). Pearson's three moments give its
    quantile x (Imhof, 1961); two miss its tail, because a few directions carry most of X. For
    independent rows x is the chi-square of (bins - 1) degrees of freedom times (n + m) / (n m).

    With few users the fourth order of the PSI matters, sum_b (q - p)^4 / 12 s^3. Where X = x, the
    shifts of the bins have about the variances s A_bb x / tr A, so its mean is
    (x / tr A)^2 sum_b A_bb^2 / 4 s.

    Args:
        before: counts, (users, bins).
        after: counts, (users, bins).
        level: the share of times at which chance goes beyond `by_chance`.
    """
    used = (before.sum(axis=0) + after.sum(axis=0)) > 0
    before, after = before[:, used], after[:, used]
    moved = psi(before.sum(axis=0), after.sum(axis=0))
    if min(len(before), len(after)) < FEWEST_FOR_TEST:
        return Shift(moved, np.inf)
    both = before.sum(axis=0) + after.sum(axis=0)
    share = both / both.sum()
    spread = _covariance(before) + _covariance(after)
    design = spread / np.sqrt(np.outer(share, share))
    total, squares = float(np.trace(design)), float((design**2).sum())
    if squares == 0.0:  # everybody always does the same
        return Shift(moved, 0.0)
    degrees = squares**3 / float((design @ design * design).sum()) ** 2
    beyond = (chi_square_beyond(level, degrees) - degrees) / np.sqrt(2.0 * degrees)
    second = total + float(np.sqrt(2.0 * squares) * beyond)
    fourth = (second / total) ** 2 * float((np.diag(design) ** 2 / (4.0 * share)).sum())
    return Shift(moved, second + fourth)


def _covariance(counts: Vector) -> NDArray[np.float64]:
    """Return the covariance of the shares of bins, from users."""
    users, total = len(counts), counts.sum()
    residual = counts - counts.sum(axis=1, keepdims=True) * (counts.sum(axis=0) / total)
    covariance: NDArray[np.float64] = residual.T @ residual * (users / (users - 1) / total**2)
    return covariance


def rate_shift(happened: Vector, expected: Vector, user: Group, *, level: float) -> Shift:
    """Return how far what happened is from what was expected, either way, users as units."""
    if len(np.unique(user)) < FEWEST_FOR_TEST:
        return Shift(float((happened - expected).mean()), np.inf)
    found = clustered_mean(happened - expected, user)
    return Shift(found.estimate, t_beyond(level / 2.0, found.freedom) * found.standard_error)


def share_shift(before: NDArray[np.bool_], after: NDArray[np.bool_], *, level: float) -> Shift:
    """Return how much larger a share of users has become; one value a user."""
    if min(len(before), len(after)) < FEWEST_FOR_TEST:
        return Shift(0.0, np.inf)
    moved = float(after.mean() - before.mean())
    # Half a user of either kind more: a share of nobody has an uncertainty too.
    pooled = (before.sum() + after.sum() + 0.5) / (len(before) + len(after) + 1.0)
    error = np.sqrt(pooled * (1.0 - pooled) * (1.0 / len(before) + 1.0 / len(after)))
    return Shift(moved, float(z_beyond(level) * error))


def chi_square_beyond(level: float, degrees: float) -> float:
    """Return what a chi-square variable passes with probability `level`.

    >>> round(chi_square_beyond(0.01, 11), 3)
    24.725
    """
    from scipy.special import chdtri  # noqa: PLC0415 - as in `chance`

    return float(chdtri(degrees, level))
