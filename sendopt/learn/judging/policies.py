"""The policies that a choice of time is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.learn.judging.judge import MOST_FREQUENT, OURS, POPULATION_BEST
from sendopt.learn.level_shape.level_shape_model import Rows
from sendopt.learn.model.model import ServableModel

Vector = NDArray[np.float64]


def predictors(model: ServableModel, rows: Rows) -> dict[str, Vector]:
    """Return the probabilities of the model and of its baseline."""
    return {OURS: model.predict(rows), POPULATION_BEST: model.baseline.probability(rows)}


def rankings(model: ServableModel, rows: Rows) -> dict[str, Vector]:
    """Return what each policy orders the moments of a day by.

    The most frequent hour leaves many ties; the population decides them, as a sender would.
    """
    population = rows.parts.population
    spread = float(np.ptp(population)) if len(population) else 0.0
    tie_break = (population - population.min()) / (spread + 1.0) if spread else population
    return {
        OURS: model.predict(rows),
        POPULATION_BEST: population,
        MOST_FREQUENT: rows.habit + 1e-6 * tie_break,
    }
