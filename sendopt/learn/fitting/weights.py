"""Fits the few weights between the parts of the model; each is pulled towards changing nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.features import LabelledMoments
from sendopt.learn.level_shape.level_shape_model import Rows
from sendopt.learn.model.model import PopulationWeights, ServableModel, Weights
from sendopt.learn.numerics import logistic

_LEAST_SHAPE_WEIGHT = 0.05
_LEAST_ACTIVITY_WEIGHT = 0.1  # a tenth of what an open would be if being there were answering

Mask = NDArray[np.bool_]


def activity_tells(rows: Rows, past: LabelledMoments, learn: Mask) -> bool:
    """Return whether sends into active hours may be answered more; in doubt, they may.

    Being there and answering are two things: people may be active in the morning and answer in
    the evening. Only if sends say so beyond doubt is activity left out.
    """
    active = rows.parts.activity + rows.parts.population_activity
    if not active[learn].any():
        return True
    design = np.column_stack([np.ones(len(rows)), rows.level, rows.busyness, active])[learn]
    precision = np.array([0.01, 4.0, 1.0, 1.0])
    weight = logistic.fit(
        design,
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0, 0.0, 1.0]),
        precision=precision,
    )
    spread = logistic.deviations(
        design, weight, past.weight[learn], offset=rows.base[learn], precision=precision
    )
    return float(weight[3] + 1.96 * spread[3]) > _LEAST_ACTIVITY_WEIGHT


def weigh(rows: Rows, past: LabelledMoments, learn: Mask) -> Weights:
    """Return how much each part of the level-shape model counts, learned from the rows `learn`."""
    design = np.column_stack([np.ones(len(rows)), rows.level, rows.busyness, rows.parts.shape])
    intercept, level, busyness, shape = logistic.fit(
        design[learn],
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0, 0.0, 1.0]),
        precision=np.array([0.01, 4.0, 1.0, 16.0]),
    )
    return Weights(
        float(intercept), float(level), float(busyness), max(float(shape), _LEAST_SHAPE_WEIGHT)
    )


def weigh_population(rows: Rows, past: LabelledMoments, learn: Mask) -> PopulationWeights:
    """Return the same of the baseline."""
    intercept, shape = logistic.fit(
        np.column_stack([np.ones(len(rows)), rows.parts.population])[learn],
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0]),
        precision=np.array([0.01, 16.0]),
    )
    return PopulationWeights(float(intercept), max(float(shape), _LEAST_SHAPE_WEIGHT))


def calibrate(
    model: ServableModel, rows: Rows, past: LabelledMoments, tune: Mask
) -> tuple[float, float]:
    """Return intercept and slope on the logit scale, pulled towards changing nothing (Platt)."""
    if not tune.any():
        return 0.0, 1.0
    probability = model.predict(rows)[tune]
    logit = logistic.logit(probability)
    intercept, slope = logistic.fit(
        np.column_stack([np.ones(len(logit)), logit]),
        past.label[tune],
        past.weight[tune],
        offset=np.zeros(len(logit)),
        prior=np.array([0.0, 1.0]),
        precision=np.array([1.0, 25.0]),
    )
    return float(intercept), max(float(slope), 0.2)
