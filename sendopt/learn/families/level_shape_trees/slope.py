"""How sure the slope of a regression is, where users differ in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.chance import spread, t_beyond, user_sums
from sendopt.learn.numerics import logistic

Vector = NDArray[np.float64]


def last_slope(
    design: NDArray[np.float64],
    label: Vector,
    weight: Vector,
    *,
    offset: Vector,
    prior: Vector,
    precision: Vector,
    user: NDArray[np.intp],
    significance: float,
) -> tuple[float, float]:
    """Return the coefficient of the last column, and by how much it may be off.

    Users differ in it, so a user is one draw (Liang and Zeger 1986).

    Args:
        design: (rows, coefficients), as `logistic.fit` takes it, as are the next five.
        label: 0 or 1.
        weight: of each row.
        offset: a known part of the logit.
        prior: mean of the Gaussian prior.
        precision: of that prior.
        user: of each row, a number.
        significance: one-sidedly, the slope is off by more in so many logs.

    Raises:
        SolverFailed: as `logistic.fit`.
    """
    coefficients = logistic.fit(
        design, label, weight, offset=offset, prior=prior, precision=precision
    )
    moved = logistic.influences(
        design, label, coefficients, weight, offset=offset, precision=precision
    )
    error, freedom = spread(user_sums(moved[:, -1], user))
    return float(coefficients[-1]), t_beyond(significance, freedom) * error
