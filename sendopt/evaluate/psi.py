"""The population stability index of two histograms, and how far users let it go by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.chance import Vector, f_beyond


def psi(before: Vector, after: Vector) -> float:
    """Return the population stability index of two histograms of counts.

    PSI = sum_b (q_b - p_b) ln(q_b / p_b), with half a count more in every bin.

    >>> psi(np.array([10.0, 10.0]), np.array([100.0, 100.0]))
    0.0
    """
    p = (before + 0.5) / (before + 0.5).sum()
    q = (after + 0.5) / (after + 0.5).sum()
    return float(((q - p) * np.log(q / p)).sum())


def psi_by_chance(before: Vector, after: Vector, *, level: float) -> float:
    """Return how far units, users or days, let a PSI go by chance.

    Where nothing moved, the PSI is to second order a sum X of chi-squares weighed by the
    eigenvalues of the design matrix A = D^-1/2 (V + W) D^-1/2, with V and W the covariances of the
    shares from units and D the shares s (Rao and Scott, 1981). Pearson's three moments give its
    quantile x (Imhof, 1961); two miss its tail, because a few directions carry most of X. For
    independent rows x is the chi-square of (bins - 1) degrees of freedom times (n + m) / (n m).

    A is known from the units alone: with k degrees of freedom, two less than there are units, the
    chi-square of d degrees becomes d times F of d and d k (Thomas and Rao, 1987). A few units that
    do most leave fewer: k is that of the units' sizes (as in `chance.ratio`).

    With few units the fourth order of the PSI matters, sum_b (q - p)^4 / 12 s^3. Where X = x, the
    shifts of the bins have about the variances s A_bb x / tr A, so its mean is
    (x / tr A)^2 sum_b A_bb^2 / 4 s. It is taken as x at most: a PSI is twice its second order where
    a bin's share grows fifty-fold, and such a series tells nothing beyond.

    Args:
        before: counts, (units, bins), of bins that are not empty in both; at least two units.
        after: counts, (units, bins).
        level: the share of times at which chance goes beyond the limit.
    """
    both = before.sum(axis=0) + after.sum(axis=0)
    share = both / both.sum()
    spread = _covariance(before) + _covariance(after)
    design = spread / np.sqrt(np.outer(share, share))
    total, squares = float(np.trace(design)), float((design**2).sum())
    if squares == 0.0:  # every unit always does the same
        return 0.0
    degrees = squares**3 / float((design @ design * design).sum()) ** 2
    freedom = _units(before) + _units(after) - 2.0
    beyond = degrees * f_beyond(level, degrees, degrees * freedom)
    second = total + np.sqrt(2.0 * squares) * (beyond - degrees) / np.sqrt(2.0 * degrees)
    fourth = (second / total) ** 2 * float((np.diag(design) ** 2 / (4.0 * share)).sum())
    return float(second + min(fourth, second))


def _units(counts: Vector) -> float:
    """Return as how many units of one size these count: (sum n^2)^2 / sum n^4."""
    size = counts.sum(axis=1) ** 2
    return float(size.sum() ** 2 / (size**2).sum())


def _covariance(counts: Vector) -> NDArray[np.float64]:
    """Return the covariance of the shares of bins, from units."""
    units, total = len(counts), counts.sum()
    residual = counts - counts.sum(axis=1, keepdims=True) * (counts.sum(axis=0) / total)
    covariance: NDArray[np.float64] = residual.T @ residual * (units / (units - 1) / total**2)
    return covariance
