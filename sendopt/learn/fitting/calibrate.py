"""Calibrates what a model says on the rows that it was not fitted to."""

from __future__ import annotations

import numpy as np

from sendopt.features import LabelledMoments
from sendopt.learn.model.model import ServableModel
from sendopt.learn.model.scorer import Inputs
from sendopt.learn.numerics import logistic
from sendopt.learn.past.past import Mask

_LEAST_SLOPE = 0.2  # below it, what orders the hours would be lost


def calibrate(
    model: ServableModel, rows: Inputs, past: LabelledMoments, tune: Mask
) -> tuple[float, float]:
    """Return intercept and slope on the logit scale, pulled towards changing nothing (Platt).

    Raises:
        SolverFailed: if none are found.
    """
    if not tune.any():
        return 0.0, 1.0
    probability = model.predict(rows)[tune]
    logit = logistic.logit(probability)
    intercept, slope = logistic.fit_at_least(
        _LEAST_SLOPE,
        np.column_stack([np.ones(len(logit)), logit]),
        past.label[tune],
        past.weight[tune],
        offset=np.zeros(len(logit)),
        prior=np.array([0.0, 1.0]),
        precision=np.array([1.0, 25.0]),
    )
    return float(intercept), float(slope)
