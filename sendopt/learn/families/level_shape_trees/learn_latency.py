"""Finds out whether a prompt answer says more of its hour than a slow one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.chance import FEWEST_FOR_TEST
from sendopt.features import LATENCY_STAGES, LabelledMoments
from sendopt.learn.families.level_shape_trees.slope import last_slope
from sendopt.learn.families.level_shape_trees.weights import Weights
from sendopt.learn.level_shape.level_shape_model import DescribedMoments
from sendopt.learn.numerics.logistic import logit, sigmoid
from sendopt.learn.past.groups import user_numbers

_SIGNIFICANCE = 0.05  # of the logs whose latency tells nothing, it is read in so many
_PRIOR = np.zeros(3)  # an intercept, the level, the slope
_PRECISION = np.array([0.01, 0.1, 0.1])
_LOGITS = np.linspace(-20.0, 20.0, 2001)  # of what is added to the hazard

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]


def latency_tells(
    rows: DescribedMoments, weights: Weights, past: LabelledMoments, learn: Mask
) -> bool:
    """Return whether good hours are answered sooner, beyond chance.

    If a push waits until its user looks at the phone, a good hour is one of many looks, and there
    the first stage takes more of the answers than elsewhere: by how much follows from the hazard.
    If users decide on the spot and then take their time, it takes the same share at all hours, and
    a hazard would learn hours from the noise of delays. The slope of that share on the one that the
    hazard expects is 1 or 0. In doubt it counts as 0: on planted logs whose latency tells
    nothing a hazard cost up to .25 of the way to the oracle, and its lack .06 where it tells.

    Args:
        rows: described by whether sends were answered: what latency taught cannot judge it.
        weights: of these rows.
        past: what happened.
        learn: which of the rows may tell.
    """
    if past.sent is None:
        return False
    stage = np.asarray(past.sent["latency_stage"].to_numpy(), np.intp)
    answered = learn & (stage < len(LATENCY_STAGES))
    user = user_numbers(past)[answered]
    if len(np.unique(user)) < FEWEST_FOR_TEST:
        return False
    first = (stage[answered] == 0).astype(float)
    share = _ShareOfFirst(_hazard(stage[learn]))
    logit_, of_hour = weights.logit(rows)[answered], weights.shape * rows.parts.shape[answered]
    expected = share.at(logit_) - share.at(logit_ - of_hour)
    design = np.column_stack([np.ones(len(first)), rows.level[answered], expected])
    slope, off = last_slope(
        design,
        first,
        past.weight[answered],
        offset=np.zeros(len(first)),
        prior=_PRIOR,
        precision=_PRECISION,
        user=user,
        significance=_SIGNIFICANCE,
    )
    return slope > off


def _hazard(stage: NDArray[np.intp]) -> Vector:
    """Return the logit of being answered in each stage by what came to it."""
    ended = np.bincount(stage, minlength=len(LATENCY_STAGES) + 1).astype(float)
    came = ended[::-1].cumsum()[::-1][:-1]
    return logit((ended[:-1] + 0.5) / (came + 1.0))


class _ShareOfFirst:
    """The logit of the first stage's share of answers, by the logit of an answer."""

    def __init__(self, hazard: Vector) -> None:
        stages = sigmoid(hazard + _LOGITS[:, None])
        answered = 1.0 - (1.0 - stages).prod(axis=1)
        safe = 1e-9, 1.0 - 1e-9
        self._answered = logit(np.clip(answered, *safe))
        self._share = logit(np.clip(stages[:, 0] / answered, *safe))

    def at(self, answer: Vector) -> Vector:
        """Return the logit of the first stage's share where an answer has these logits."""
        return np.interp(answer, self._answered, self._share)
