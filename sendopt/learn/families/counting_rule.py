"""What the rules that count a user's hours share: all but what they count.

Their logit is everybody's, plus how much more the user answers at any hour, plus what orders the
user's hours. What the last two are worth is learned on the sends; no order is turned over by it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sendopt.features import Target
from sendopt.learn.families.everybodys_hours import EverybodysHours, learn_everybodys_hours
from sendopt.learn.model.scorer import Scorer
from sendopt.learn.numerics import logistic
from sendopt.learn.numerics.logistic import sigmoid
from sendopt.learn.past.past import Past
from sendopt.strict_json import StrictModel

HALF_LIFE = timedelta(days=60)
_LEAST_ORDER_WEIGHT = 0.05  # what orders the hours is never turned over

Vector = NDArray[np.float64]


class CountedInputs(Protocol):
    """What every rule that counts reads of a moment, one row each."""

    @property
    def everybody(self) -> Vector:
        """Everybody's logit at the moment."""

    @property
    def level(self) -> Vector:
        """How much more the user answers than everybody, on the logit scale."""

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class RuleWeights:
    """What each part counts on the logit scale."""

    intercept: float = 0.0
    level: float = 1.0
    order: float = 1.0


@dataclass(frozen=True)
class CountingRule(Scorer):
    """Level, and what orders a user's hours, weighed on the sends."""

    orders_by: ClassVar[str]  # the name of what orders the hours, in documents and on the card
    order_precision: ClassVar[float]  # of the prior of its weight, which is 1

    target: Target
    hours: EverybodysHours
    weights: RuleWeights = RuleWeights()
    half_life: timedelta = HALF_LIFE

    @property
    def platforms(self) -> tuple[str, ...]:
        """Names of the platforms that have hours of their own."""
        return self.hours.platforms

    @abstractmethod
    def order(self, inputs: Any) -> Vector:
        """Return what orders a user's hours, before it is weighed."""

    def unweighed(self, inputs: Any) -> Vector:
        """Return what is added as it is: everybody's logit over all hours."""
        return np.full(len(inputs), self.hours.base)

    def everybody(self, inputs: CountedInputs) -> Vector:
        """Return everybody's probability."""
        return sigmoid(inputs.everybody)

    def weighed(self, past: Past, inputs: CountedInputs) -> Self:
        """Return the same rule with the weights that the sends of `past` teach."""
        learn = past.learn
        intercept, level, order = logistic.fit_at_least(
            _LEAST_ORDER_WEIGHT,
            np.column_stack([np.ones(len(inputs)), inputs.level, self.order(inputs)])[learn],
            past.labelled.label[learn],
            past.labelled.weight[learn],
            offset=self.unweighed(inputs)[learn],
            prior=np.array([0.0, 1.0, 1.0]),
            precision=np.array([0.01, 4.0, self.order_precision]),
        )
        return replace(self, weights=RuleWeights(float(intercept), float(level), float(order)))

    def weights_in_words(self) -> str:
        """Return the card's line on the weights."""
        weights = self.weights
        return f"- Weights: level {weights.level:.2f}, {self.orders_by} {weights.order:.2f}."

    def document(self) -> dict[str, Any]:
        """Return curves and weights."""
        weights = {
            "intercept": self.weights.intercept,
            "level": self.weights.level,
            self.orders_by: self.weights.order,
        }
        return {"hours": self.hours.document(), "weights": weights}

    @classmethod
    def read(
        cls,
        target: Target,
        document: Mapping[str, Any],
        attachments: Mapping[str, bytes],
        *,
        threads: int,
    ) -> Self:
        """Read what `document` wrote."""
        del attachments, threads
        stored = document["weights"]
        weights = RuleWeights(stored["intercept"], stored["level"], stored[cls.orders_by])
        return cls(target, EverybodysHours.read(document["hours"]), weights)

    @classmethod
    def fit(cls, past: Past, settings: Settings) -> tuple[Self, Any]:
        """Count everybody's hours, and learn what level and order are worth."""
        del settings
        rule = cls(past.target, learn_everybodys_hours(past))
        inputs = rule.inputs(past.view, past.viewpoints, past.moments)
        return rule.weighed(past, inputs), inputs


class Settings(StrictModel):
    """Nothing of it is set: a yardstick that could be tuned would be none."""
