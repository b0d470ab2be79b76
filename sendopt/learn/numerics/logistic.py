"""Ridge logistic regression with a prior mean: the smallest learner there is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy  # whose `special` is imported when it is first asked for
from numpy.typing import NDArray

from sendopt.errors import SolverFailed

_MOST_STEPS, _MOST_HALVINGS = 200, 60
_CLOSE = 1e-12  # nats: twice what one more step would gain; it is then taken all the same
_ARMIJO = 1e-4  # of the gain that the slope promises, which a step must keep
_ROUNDING = 1e-14  # of the log posterior; of a slope as much, so of what a step gains the square

Vector = NDArray[np.float64]


def sigmoid(logit: Vector) -> Vector:
    """Return the probability of `logit`, safe for any size."""
    value: Vector = scipy.special.expit(logit)
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

    Newton's method, each step halved until the log posterior rises (Boyd and Vandenberghe 2004,
    section 9.5). The posterior is concave, so it ends at its maximum from anywhere; it stops once
    the Newton decrement, read from the gradient where it stands, says that it is there.

    Args:
        design: (rows, coefficients).
        label: 0 or 1.
        weight: of each row, not negative.
        offset: a known part of the logit.
        prior: mean of the Gaussian prior of b.
        precision: 1 / variance of that prior, positive.

    Raises:
        SolverFailed: if the gradient does not vanish, as where an input is not finite.
    """
    posterior = _Posterior(design, label, weight, offset, prior, precision)
    b = prior.copy()
    height = posterior.height(b)
    for _ in range(_MOST_STEPS if np.isfinite(height) else 0):
        slope = posterior.slope(b)
        step = _solve(posterior.curvature(b), slope)
        gain = float(slope @ step)
        if gain <= _CLOSE + _ROUNDING**2 * abs(height):
            return b + step
        share = 1.0
        for _ in range(_MOST_HALVINGS):
            higher = posterior.height(b + share * step)
            if higher >= height + _ARMIJO * share * gain - _ROUNDING * abs(height):
                break
            share /= 2.0
        b, height = b + share * step, higher
    raise SolverFailed(
        f"a logistic regression of {len(label)} rows and {len(prior)} coefficients has no "
        "maximum that could be found",
        hint="look for values that are not finite among its inputs; if there are none, the search "
        "gave up: please report it",
    )


def fit_at_least(
    least: float,
    design: NDArray[np.float64],
    label: Vector,
    weight: Vector,
    *,
    offset: Vector,
    prior: Vector,
    precision: Vector,
) -> Vector:
    """Return the MAP coefficients of which the last is not below `least`.

    Where it would be, it is held there and the others are fitted to that: the log posterior is
    concave, so this is its maximum within the bound, and the intercept still fits.

    Args and errors are those of `fit`.
    """
    free = fit(design, label, weight, offset=offset, prior=prior, precision=precision)
    if free[-1] >= least:
        return free
    others = fit(
        design[:, :-1],
        label,
        weight,
        offset=offset + least * design[:, -1],
        prior=prior[:-1],
        precision=precision[:-1],
    )
    return np.append(others, least)


def influences(
    design: NDArray[np.float64],
    label: Vector,
    b: Vector,
    weight: Vector,
    *,
    offset: Vector,
    precision: Vector,
) -> NDArray[np.float64]:
    """Return how much each row moves the coefficients `b`, which `fit` found; shape of `design`.

    H^-1 x_i w_i (y_i - p_i), the terms of the sandwich estimator (Huber 1967): summed over each
    user, their squares are the variance of `b` however the rows of a user hang together.
    """
    posterior = _Posterior(design, label, weight, offset, np.zeros(len(b)), precision)
    curvature = posterior.curvature(b)
    scale = 1.0 / np.sqrt(np.diag(curvature))
    inverse = np.linalg.inv(curvature * scale[:, None] * scale) * scale[:, None] * scale
    residual = label - scipy.special.expit(offset + design @ b)
    moved: NDArray[np.float64] = (design * (weight * residual)[:, None]) @ inverse
    return moved


@dataclass(frozen=True)
class _Posterior:
    """The log posterior of the coefficients, up to a constant, and its derivatives.

    Each is written so that a row whose probability rounds to 0 or 1 still counts exactly.
    """

    design: NDArray[np.float64]
    label: Vector
    weight: Vector
    offset: Vector
    prior: Vector
    precision: Vector

    def _logit(self, b: Vector) -> Vector:
        logit: Vector = self.offset + self.design @ b
        return logit

    def height(self, b: Vector) -> float:
        logit = self._logit(b)
        likelihood = self.label * scipy.special.log_expit(logit) + (
            1.0 - self.label
        ) * scipy.special.log_expit(-logit)
        return float(self.weight @ likelihood - 0.5 * self.precision @ (b - self.prior) ** 2)

    def slope(self, b: Vector) -> Vector:
        logit = self._logit(b)
        residual = self.label * scipy.special.expit(-logit) - (
            1.0 - self.label
        ) * scipy.special.expit(logit)
        slope: Vector = self.design.T @ (self.weight * residual) - self.precision * (b - self.prior)
        return slope

    def curvature(self, b: Vector) -> NDArray[np.float64]:
        """Return the negative second derivatives, positive definite."""
        logit = self._logit(b)
        bend = self.weight * scipy.special.expit(logit) * scipy.special.expit(-logit)
        curvature: NDArray[np.float64] = (self.design * bend[:, None]).T @ self.design
        return curvature + np.diag(self.precision)


def _solve(curvature: NDArray[np.float64], slope: Vector) -> Vector:
    """Solve for the Newton step, columns of any size brought to one first.

    Columns that rounding makes the same share their step.
    """
    scale = 1.0 / np.sqrt(np.diag(curvature))
    step: Vector = scale * np.linalg.lstsq(curvature * scale[:, None] * scale, scale * slope)[0]
    return step
