"""Takes a score apart: what everybody, the user's own visits, answers and pace add to its logit."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float64]

_TABLES = frozenset({"trees", "tree_features", "tree_values"})


@dataclass(frozen=True)
class Contributions:
    """What each part adds to the logit of each row; together they are the score.

    It is the score for the window that the model learned. What trees add is shared out among their
    features by Shapley values (Lundberg and Lee 2017), measured from their mean, which belongs to
    everybody. A family without some part leaves it at zero.
    """

    everybody: Logits  # the rate of all answers, and what the calibration adds to it
    everybodys_hours: Logits  # how much better or worse the hour is for everybody, for the message
    own_visits: Logits  # ... for this user beyond that, by sessions and by late answers
    own_answers: Logits  # ... and by which sends the user answered
    level: Logits  # how much the user answers, whatever the hour
    pace: Logits  # how often the user is there, whatever the hour
    trees: Logits = field(default_factory=lambda: np.zeros((0, 0)))  # (rows, tree features)
    tree_features: tuple[str, ...] = ()
    tree_values: Logits = field(default_factory=lambda: np.zeros((0, 0)))  # (rows, tree features)

    @classmethod
    def of_everybody(cls, rate: Logits, hours: Logits) -> Contributions:
        """Return those of a model that tells no user from another."""
        nothing = np.zeros(len(rate))
        return cls(rate, hours, nothing, nothing, nothing, nothing)

    @property
    def parts(self) -> dict[str, Logits]:
        """Every part by its name, the trees as one."""
        single = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name not in _TABLES
        }
        trees = self.trees.sum(axis=1) if self.tree_features else np.zeros(len(self.everybody))
        return {**single, "trees": trees}

    @property
    def logit(self) -> Logits:
        """The sum of all parts."""
        total: Logits = np.sum(list(self.parts.values()), axis=0)
        return total

    def calibrated(self, intercept: float, slope: float) -> Contributions:
        """Return what the parts add to the logit after calibration."""
        scaled = {
            each.name: slope * getattr(self, each.name)
            for each in fields(self)
            if each.name not in _TABLES
        }
        scaled["everybody"] = intercept + scaled["everybody"]
        return replace(self, **scaled, trees=slope * self.trees)


@dataclass(frozen=True)
class OwnWeights:
    """How much of what is said of a user's hours is the user's own; what is left is everybody's."""

    visits: float  # on when the user is there
    answers: float  # on when the user answers


NO_OWN_WEIGHTS = OwnWeights(visits=0.0, answers=0.0)
