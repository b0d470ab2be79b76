"""Are the simple rules that a model is compared with worth comparing with?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.chance import clustered_mean, t_beyond
from sendopt.features import LabelledMoments
from sendopt.learn.fitting.fit import Fitted
from sendopt.learn.past.groups import user_numbers

_LEVEL = 0.005  # one-sided, of rules that are right and found to be off
_LEAST_GAP = 0.02  # of the answered share; less changes no comparison
_LEAST_GAP_UNCALIBRATED = 0.05  # smoothing over an hour, without an intercept, moves less
_AS_FITTED = (0.0, 1.0)  # the calibration that changes nothing


def fault_of(rule: Fitted) -> str | None:
    """Say what is wrong with a rule as a rival; None = nothing.

    Whoever is not right on average of the days it learned from was not fitted: any model gains
    over it. That is asked twice: of what its family fitted, before calibration, on the rows that
    it was fitted to, because calibration makes the mean right whatever was fitted; and of what
    would be served, on the rows that calibrated it.
    """
    past = rule.past
    as_fitted = replace(rule.model, calibration=_AS_FITTED).predict(rule.rows)
    cases = [("before calibration ", as_fitted, past.learn, _LEAST_GAP_UNCALIBRATED)]
    if past.tune.any():
        cases.append(("", rule.model.predict(rule.rows), past.tune, _LEAST_GAP))
    for when, probability, rows, least in cases:
        if not np.isfinite(probability[rows]).all():
            return f"{when}says no probabilities"
        known = past.labelled.rows(rows)
        if _is_off(probability[rows], known, least):
            mean = np.average(probability[rows], weights=known.weight)
            share = np.average(known.label, weights=known.weight)
            return (
                f"{when}says {mean:.3f} on the days that it learned from, where {share:.3f} were "
                "answered"
            )
    return None


def _is_off(probability: NDArray[np.float64], known: LabelledMoments, least: float) -> bool:
    gap = clustered_mean(known.label - probability, user_numbers(known), known.weight)
    by_chance = t_beyond(_LEVEL, gap.freedom) * gap.standard_error
    return not abs(gap.estimate) <= max(by_chance, least)
