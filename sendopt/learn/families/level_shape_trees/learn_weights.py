"""Fits the few weights between the parts of the model; each is pulled towards changing nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import SolverFailed
from sendopt.evaluate import metrics
from sendopt.evaluate.chance import FEWEST_FOR_TEST
from sendopt.features import LabelledMoments
from sendopt.learn.families.level_shape_trees.slope import last_slope
from sendopt.learn.families.level_shape_trees.weights import PopulationWeights, Weights
from sendopt.learn.level_shape.level_shape_model import DescribedMoments
from sendopt.learn.numerics import logistic
from sendopt.learn.past.groups import user_numbers

_LEAST_SHAPE_WEIGHT = 0.05
_LEAST_ACTIVITY_WEIGHT = 0.1  # a tenth of what an open would be if being there were answering
_SIGNIFICANCE = 0.025  # of the logs whose activity tells just enough, it is left out of so many
_LEAST_LATE_WEIGHT = 0.05  # below it nothing is gained that would be worth its work
_INTERCEPT_PRECISION = 0.01
_ROUNDING = 1e-6  # of a probability: a mean of many may differ from itself by so much

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]


def activity_tells(rows: DescribedMoments, past: LabelledMoments, learn: Mask) -> bool:
    """Return whether sends into active hours may be answered more; in doubt, they may.

    Being there and answering are two things: people may be active in the morning and answer in
    the evening. Only if sends say so beyond doubt is activity left out, and few users say nothing.
    """
    user = user_numbers(past)[learn]
    active = rows.parts.activity + rows.parts.population_activity
    if not active[learn].any() or len(np.unique(user)) < FEWEST_FOR_TEST:
        return True
    design = np.column_stack([np.ones(len(rows)), rows.level, rows.activity_rate, active])[learn]
    slope, off = last_slope(
        design,
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0, 0.0, 1.0]),
        precision=np.array([_INTERCEPT_PRECISION, 4.0, 1.0, 1.0]),
        user=user,
        significance=_SIGNIFICANCE,
    )
    return slope + off > _LEAST_ACTIVITY_WEIGHT


def better_described(
    rows: DescribedMoments, otherwise: DescribedMoments, past: LabelledMoments, learn: Mask
) -> bool:
    """Return whether sends' outcomes are more probable if described otherwise, beyond chance.

    Args:
        rows: moments as one level-shape model describes them.
        otherwise: the same moments, described by another.
        past: what happened.
        learn: which of the moments may tell.
    """
    label, weight, user = past.label[learn], past.weight[learn], user_numbers(past)[learn]
    if len(np.unique(user)) < FEWEST_FOR_TEST:
        return False
    losses = [
        metrics.log_losses(
            label, logistic.sigmoid(weigh(each, past, learn).logit(each) - each.message)[learn]
        )
        for each in (rows, otherwise)
    ]
    gain = metrics.user_interval(weight * (losses[0] - losses[1]), weight, user)
    return gain.low > 0.0


def late_weight(rows: DescribedMoments, past: LabelledMoments, learn: Mask) -> float:
    """Return how much the hours of late answers tell of answers in time; 0 if nothing.

    Learned beside everything else that is known, so that what the answers in time already said
    is not said twice. The prior, .25 +- .5, is between people who answer when they next look, for
    whom it is 1, and those whose late answers follow from the hour of the send.
    """
    late = rows.parts.late
    if not late[learn].any():
        return 0.0
    parts = [np.ones(len(rows)), rows.level, rows.activity_rate, rows.parts.shape, late]
    weight = logistic.fit(
        np.column_stack(parts)[learn],
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0, 0.0, 1.0, 0.25]),
        precision=np.array([_INTERCEPT_PRECISION, 4.0, 1.0, 16.0, 4.0]),
    )
    return float(weight[-1]) if weight[-1] >= _LEAST_LATE_WEIGHT else 0.0


def weigh(rows: DescribedMoments, past: LabelledMoments, learn: Mask) -> Weights:
    """Return how much each part of the level-shape model counts, learned from the rows `learn`.

    Raises:
        SolverFailed: if no weights are found, or those found are wrong on the rows they learned.
    """
    parts = [np.ones(len(rows)), rows.level, rows.activity_rate, rows.parts.shape]
    intercept, level, activity_rate, shape = logistic.fit_at_least(
        _LEAST_SHAPE_WEIGHT,
        np.column_stack(parts)[learn],
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0, 0.0, 1.0]),
        precision=np.array([_INTERCEPT_PRECISION, 4.0, 1.0, 16.0]),
    )
    weights = Weights(float(intercept), float(level), float(activity_rate), float(shape))
    probability = logistic.sigmoid(weights.logit(rows) - rows.message)
    pulled = _INTERCEPT_PRECISION * intercept
    _check_mean("the level-shape model", probability, past, learn, pulled=pulled)
    return weights


def weigh_population(
    rows: DescribedMoments, past: LabelledMoments, learn: Mask
) -> PopulationWeights:
    """Return the weights of the baseline, learned from the rows `learn`.

    Raises:
        SolverFailed: see `weigh`. A baseline that is not calibrated on the days it learned from is
            a defect: a gain over it would say nothing.
    """
    intercept, shape = logistic.fit_at_least(
        _LEAST_SHAPE_WEIGHT,
        np.column_stack([np.ones(len(rows)), rows.parts.population])[learn],
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0]),
        precision=np.array([_INTERCEPT_PRECISION, 16.0]),
    )
    weights = PopulationWeights(float(intercept), float(shape))
    probability = weights.probability(rows)
    _check_mean("the baseline", probability, past, learn, pulled=_INTERCEPT_PRECISION * intercept)
    return weights


def _check_mean(
    name: str, probability: Vector, past: LabelledMoments, learned: Mask, *, pulled: float
) -> None:
    """Check that what a model says of the rows it learned from is right on average.

    Args:
        name: of the model, for the error.
        probability: its probability of every row.
        past: the rows.
        learned: which of them it learned from.
        pulled: how many answers its intercept's prior may keep it from the mean.

    Raises:
        SolverFailed: if it is not.
    """
    label, weight, expected = past.label[learned], past.weight[learned], probability[learned]
    missed, total = float(weight @ (label - expected)), float(weight.sum())
    if not abs(missed - pulled) <= _ROUNDING * total:
        raise SolverFailed(
            f"{name} says {float(weight @ expected) / total:.4f} on average of the moments "
            f"that it learned from, of which {float(weight @ label) / total:.4f} were answered",
            expected="the same, as its intercept was fitted to them",
        )
