"""How much each part of the level-shape model counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.learn.level_shape.curves import Curves, hourly_shape
from sendopt.learn.level_shape.level_shape_model import DescribedMoments
from sendopt.learn.numerics.logistic import sigmoid


@dataclass(frozen=True)
class Weights:
    """How much each part of the level-shape model counts on the logit scale."""

    intercept: float = 0.0
    level: float = 1.0
    activity_rate: float = 0.0
    shape: float = 1.0  # never negative: what orders the hours of a user cannot be turned over

    def logit(self, rows: DescribedMoments) -> NDArray[np.float64]:
        """Return the calibrated logit of the level-shape model."""
        shape = self.shape * rows.parts.shape
        return self._of_all_hours(rows) + shape + rows.message

    def hourly_logit(self, curves: Curves) -> NDArray[np.float64]:
        """Return the calibrated logit at all whole hours, (viewpoints, day types, 24)."""
        shape = self.shape * hourly_shape(curves)
        return self._of_all_hours(curves)[:, None, None] + shape

    def _of_all_hours(self, known: DescribedMoments | Curves) -> NDArray[np.float64]:
        own = self.level * known.level + self.activity_rate * known.activity_rate
        return known.base + self.intercept + own


@dataclass(frozen=True)
class PopulationWeights:
    """The baseline: the answer rate by time of day of everybody on the user's platform."""

    intercept: float = 0.0
    shape: float = 1.0

    def probability(self, rows: DescribedMoments) -> NDArray[np.float64]:
        """Return the probability that anybody on the user's platform answers at that local time."""
        return sigmoid(self.logit(rows))

    def logit(self, rows: DescribedMoments) -> NDArray[np.float64]:
        """Return the logit of `probability`."""
        return rows.base + self.intercept + self.shape * rows.parts.population
