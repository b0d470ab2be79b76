"""Ridge logistic regression with a prior mean: the smallest learner there is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEPS = 25
_CLIP = 30.0

Vector = NDArray[np.float64]


def sigmoid(logit: Vector) -> Vector:
    """Return the probability of `logit`, safe for any size."""
    value: Vector = 1.0 / (1.0 + np.exp(-np.clip(logit, -_CLIP, _CLIP)))
    return value


def logit(probability: Vector) -> Vector:
    """Return the log odds of `probability`, which lies inside 0..1."""
    return np.log(probability) - np.log1p(-probability)


def fit(
    design: NDArray[np.float64],
    label: Vector,
    weight: Vector,
    *,
    offset: Vector,
    prior: Vector,
    precision: Vector,
) -> Vector:
    """Return the MAP coefficients b of P(label) = sigmoid(offset + design b).

    Args:
        design: (rows, coefficients).
        label: 0 or 1.
        weight: of each row.
        offset: a known part of the logit.
        prior: mean of the Gaussian prior of b.
        precision: 1 / variance of that prior; at least one must be positive a coefficient.
    """
    b = prior.copy()
    for _ in range(_STEPS):
        p = sigmoid(offset + design @ b)
        slope = design.T @ (weight * (label - p)) - precision * (b - prior)
        curvature = (design * (weight * p * (1.0 - p))[:, None]).T @ design + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        b = b + np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < 1e-9:
            break
    return b


def deviations(
    design: NDArray[np.float64],
    b: Vector,
    weight: Vector,
    *,
    offset: Vector,
    precision: Vector,
) -> Vector:
    """Return the posterior standard deviation of every coefficient at `b`, which `fit` found."""
    p = sigmoid(offset + design @ b)
    curvature = (design * (weight * p * (1.0 - p))[:, None]).T @ design + np.diag(precision)
    deviation: Vector = np.sqrt(np.diag(np.linalg.inv(curvature)))
    return deviation
