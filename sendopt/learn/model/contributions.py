"""Takes a score apart: what everybody, the user's own visits, answers and pace add to its logit."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sendopt.learn.level_shape.curves import LevelShape
from sendopt.learn.level_shape.level_shape_model import Rows
from sendopt.learn.model.model import ServableModel

Logits = NDArray[np.float64]


@dataclass(frozen=True)
class Contributions:
    """What each part adds to the calibrated logit of each row; together they are the score.

    It is the score for the window that the model learned. What trees add is shared out among their
    features by Shapley values (Lundberg and Lee 2017), measured from their mean, which belongs to
    everybody.
    """

    everybody: Logits  # the rate of all answers, and what the calibration adds to it
    everybodys_hours: Logits  # how much better or worse the hour is for everybody, for the message
    own_visits: Logits  # ... for this user beyond that, by when the user is there
    own_answers: Logits  # ... and by which sends the user answered
    level: Logits  # how much the user answers, whatever the hour
    pace: Logits  # how often the user is there, whatever the hour
    trees: Logits  # (rows, tree features)
    tree_features: tuple[str, ...]

    @property
    def parts(self) -> dict[str, Logits]:
        """Every part by its name, the trees as one."""
        single = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in {"trees", "tree_features"}
        }
        return {**single, "trees": self.trees.sum(axis=1)}

    @property
    def logit(self) -> Logits:
        """The sum of all parts."""
        total: Logits = np.sum(list(self.parts.values()), axis=0)
        return total


@dataclass(frozen=True)
class OwnWeights:
    """How much of what is said of a user's hours is the user's own; what is left is everybody's."""

    visits: float  # on when the user is there
    answers: float  # on when the user answers


def contributions(model: ServableModel, rows: Rows) -> Contributions:
    """Take the score of every row apart."""
    intercept, slope = model.calibration
    weights, parts = model.weights, rows.parts
    expected, trees = np.zeros(len(rows)), np.zeros((len(rows), 0))
    names: tuple[str, ...] = ()
    if model.booster is not None and len(rows):
        shapley = np.asarray(
            model.booster.predict(model.tree_features(rows), pred_contrib=True), np.float64
        )
        trees, expected = shapley[:, :-1], shapley[:, -1]
        names = tuple(model.booster.feature_name())
    return Contributions(
        everybody=intercept + slope * (rows.base + weights.intercept + expected),
        everybodys_hours=slope * (weights.shape * parts.population + rows.message),
        own_visits=slope * weights.shape * parts.activity,
        own_answers=slope * weights.shape * parts.answers,
        level=slope * weights.level * rows.level,
        pace=slope * weights.busyness * rows.busyness,
        trees=slope * trees,
        tree_features=names,
    )


def own_weights(
    shape: LevelShape, *, visits: float, sends: float, probability: float
) -> OwnWeights:
    """Weigh a user's own evidence against everybody's: evidence / (evidence + prior).

    S visits weigh w S / (w S + kappa), because kappa of them know a user's hours as well as
    everybody's do; w is 0 where being there was found to tell nothing of answering. n sends near
    an hour tell I = n p (1 - p) of its logit, and weigh I / (I + 1 / sigma^2).

    Args:
        shape: w is its `activity_weight`, kappa its `activity_prior`, sigma its `deviation_sd`.
        visits: of the user, decayed.
        sends: to the user near the hour, decayed.
        probability: that the user answers there.

    >>> own_weights(LevelShape(activity_prior=30.0), visits=30.0, sends=0.0, probability=0.2)
    OwnWeights(visits=0.5, answers=0.0)
    """
    seen = shape.activity_weight * visits
    told = sends * probability * (1.0 - probability)
    return OwnWeights(
        visits=seen / (seen + shape.activity_prior),
        answers=told / (told + shape.deviation_sd**-2.0),
    )
