"""The rule of the most frequent hour: a user is sent to when they were there or answered most.

An answer counts in the hour in which it was given, however long after its send. Everybody's hours
decide between hours that are equally frequent, and speak for whoever was never seen. How often a
user answers over all hours, and how much the most frequent hour is worth, are calibrated on the
sends, which changes no order of a user's hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sendopt.features import HALF_HOURS, AsOfView, Moments, Viewpoints
from sendopt.learn.families.counting_rule import CountingRule, Settings
from sendopt.learn.families.everybodys_hours import half_hour
from sendopt.learn.families.user_level import level_of
from sendopt.learn.model.contributions import Contributions, OwnWeights
from sendopt.learn.model.scorer import require_target

__all__ = ["NAME", "Inputs", "MostFrequent", "Settings", "fit", "read"]

NAME = "most_frequent"

#: Of everybody's logit: less than one visit of some hundred, and far above what is lost where
#: scores are kept, which is 2e-6 of a logit.
_TIE = 1e-3

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """One row a moment."""

    everybody: Vector  # logit at the moment
    level: Vector  # how much more the user answers than everybody, on the logit scale
    frequency: Vector  # share of the user's sessions and answers in the hour of the moment
    evidence: Vector  # sessions and answers of the user, decayed; 0 = never seen

    def __len__(self) -> int:
        return len(self.level)


@dataclass(frozen=True)
class MostFrequent(CountingRule):
    """The user's most frequent hour first."""

    family: ClassVar[str] = NAME
    reads_answer_times: ClassVar[bool] = True
    orders_by: ClassVar[str] = "frequency"
    order_precision: ClassVar[float] = 0.1

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> Inputs:
        """Count the user's sessions and answers in the hour of each moment."""
        require_target(self, view)
        evidence = view.user_evidence(viewpoints, half_life=self.half_life)
        answers = view.user_answers(viewpoints, half_life=self.half_life)
        visits = (evidence.sessions + answers).sum(axis=1)
        by_hour = visits.reshape(len(visits), HALF_HOURS // 2, 2).sum(axis=-1)
        count, row = by_hour.sum(axis=1), moments.viewpoint
        share = by_hour / np.maximum(count, 1e-12)[:, None]
        platform = self.hours.rows(view, viewpoints)
        return Inputs(
            everybody=self.hours.logits[platform[row], half_hour(moments)],
            level=level_of(evidence, self.hours.base)[row],
            frequency=share[row, moments.minute_of_day // 60],
            evidence=count[row],
        )

    def logit_sd(self, inputs: Inputs) -> Vector:
        """Return how unsure the share of the hour is, as of so many draws."""
        share = inputs.frequency
        spread: Vector = np.sqrt((share * (1.0 - share) + 1.0 / 24.0) / (inputs.evidence + 1.0))
        return self.weights.order * spread

    def order(self, inputs: Inputs) -> Vector:
        """Return the share of the hour."""
        return inputs.frequency

    def unweighed(self, inputs: Inputs) -> Vector:
        """Return everybody's logit, whose hours only break ties of whoever was seen."""
        return np.full(len(inputs), self.hours.base) + self._everybodys_hours(inputs)

    def contributions(self, inputs: Inputs) -> Contributions:
        """Return level, frequency, and everybody's hours, which only break ties of the seen."""
        weights = self.weights
        base, nothing = np.full(len(inputs), self.hours.base), np.zeros(len(inputs))
        return Contributions(
            everybody=base + weights.intercept,
            everybodys_hours=self._everybodys_hours(inputs),
            own_visits=weights.order * inputs.frequency,
            own_answers=nothing,
            level=weights.level * inputs.level,
            pace=nothing,
        )

    def own_weights(
        self, inputs: Inputs, row: int, *, visits: float, probability: float
    ) -> OwnWeights:
        """All is the user's own as soon as the user was seen once."""
        del visits, probability
        return OwnWeights(visits=float(inputs.evidence[row] > 0.0), answers=0.0)

    def card(self) -> Iterator[str]:
        """Yield what it does."""
        yield (
            "- The rule of the most frequent hour: of a user's sessions and answers, late ones "
            "included, each in the hour in which it happened; half as much "
            f"after {self.half_life.days} days; everybody's hours break ties."
        )
        yield self.weights_in_words()

    def _everybodys_hours(self, inputs: Inputs) -> Vector:
        """Return what everybody's hours add: all that is known of whoever was never seen."""
        counts = np.where(inputs.evidence == 0.0, 1.0, _TIE)
        added: Vector = counts * (inputs.everybody - self.hours.base)
        return added


fit, read = MostFrequent.fit, MostFrequent.read
