"""Finds out whether a prompt answer says more of its hour than a slow one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.chance import FEWEST_FOR_TEST
from sendopt.features import PROMPTNESS, LabelledMoments
from sendopt.learn.families.level_shape_trees.weights import Weights
from sendopt.learn.level_shape.level_shape_model import Rows
from sendopt.learn.numerics import logistic
from sendopt.learn.numerics.logistic import logit, sigmoid
from sendopt.learn.past.groups import user_numbers

#: Below it the slope is rather 0 than 1. Less than half, as it comes out too small: what is known
#: of users' hours is not all there is to know.
_LEAST_SLOPE = 0.3
_PRIOR = np.array([0.0, 0.0, 0.5])  # an intercept, the level, the slope
_PRECISION = np.array([0.01, 0.1, 1.0])

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]


def promptness_tells(
    rows: Rows, weights: Weights, past: LabelledMoments, stage: NDArray[np.intp], learn: Mask
) -> bool:
    """Return whether good hours are answered sooner.

    If a push waits until its user looks at the phone, a good hour is one of many looks, and there
    the first stage takes more of the answers than elsewhere: by how much follows from the hazard.
    If users decide on the spot and then take their time, it takes the same share at all hours, and
    a hazard would learn hours from the noise of delays. The slope of that share on the one that the
    hazard expects is 1 or 0. Where answers are rare the two hardly differ, and hardly matter.

    Args:
        rows: described by promptness.
        weights: of these rows.
        past: what happened.
        stage: in which each of the rows was answered; see `features.promptness`.
        learn: which of the rows may tell.
    """
    answered = learn & (stage < len(PROMPTNESS))
    first = (stage[answered] == 0).astype(float)
    user = user_numbers(past)[answered]
    if len(np.unique(user)) < FEWEST_FOR_TEST or first.min() == first.max():
        return True
    hazard = _hazard(stage[learn])
    of_hour = weights.shape * rows.parts.shape[answered]
    level = weights.logit(rows) - weights.shape * rows.parts.shape - rows.message
    level = level[answered] - level[learn].mean()
    expected = _share_of_first(hazard, level + of_hour) - _share_of_first(hazard, level)
    design = np.column_stack([np.ones(len(first)), rows.level[answered], expected])
    slope = logistic.fit(
        design,
        first,
        past.weight[answered],
        offset=np.zeros(len(first)),
        prior=_PRIOR,
        precision=_PRECISION,
    )
    return float(slope[2]) > _LEAST_SLOPE


def _hazard(stage: NDArray[np.intp]) -> Vector:
    """Return the logit of being answered in each stage by what came to it."""
    ended = np.bincount(stage, minlength=len(PROMPTNESS) + 1).astype(float)
    came = ended[::-1].cumsum()[::-1][:-1]
    return logit((ended[:-1] + 0.5) / (came + 1.0))


def _share_of_first(hazard: Vector, logits: Vector) -> Vector:
    """Return the logit of the first stage's share of answers, where `logits` add to the hazard."""
    stages = sigmoid(hazard + logits[:, None])
    answered = 1.0 - (1.0 - stages).prod(axis=1)
    share: Vector = logit(np.clip(stages[:, 0] / answered, 1e-9, 1.0 - 1e-9))
    return share
