"""Which sends judging speaks of: those that a sender would make who treats all slots alike.

A model is asked for the probability at any allowed slot, so it is fitted to, and judged on, sends
whose slot was drawn evenly. Where a send carries the propensity p of its slot, it weighs 1 / p, at
most `MAX_WEIGHT`, and every slot that could have been drawn then counts alike. These weights are
divided by their mean, so that all sends with a propensity count together as many as they are. A
send that carries none counts 1: of these the figures speak as they were sent, by whoever chose
their times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sendopt.features import LabelledMoments
from sendopt.features.propensity import MAX_WEIGHT


@dataclass(frozen=True)
class Weighing:
    """How far weighing moves the judged moments from those that were sent."""

    logged: int  # moments with a propensity
    clipped: int  # of them, lighter than 1 / p beside others: beyond the limit
    effective: float  # (sum w)^2 / sum w^2: as many moments of one weight tell as much
    answered: float  # weighed share; what mean probabilities are held to


def weighing(past: LabelledMoments) -> Weighing:
    """Measure what the weights of `past`, of one moment at least, do."""
    propensity = np.zeros(0)
    if past.sent is not None:
        propensity = past.sent["propensity"].to_numpy().astype(np.float64)
        propensity = propensity[propensity > 0]  # false for NaN: never logged
    beyond = propensity * MAX_WEIGHT < 1.0
    alike = len(propensity) > 0 and np.ptp(propensity) == 0.0
    return Weighing(
        logged=len(propensity),
        clipped=0 if alike else int(beyond.sum()),
        effective=float(past.weight.sum() ** 2 / (past.weight**2).sum()),
        answered=float(np.average(past.label, weights=past.weight)),
    )
