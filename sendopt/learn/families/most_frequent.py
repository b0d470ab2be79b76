"""The rule of the most frequent hour: a user is sent to when they were there or answered most.

An answer counts in the hour in which it was given, however long after its send. Everybody's hours
decide between hours that are equally frequent, and speak for whoever was never seen. How often a
user answers over all hours, and how much the most frequent hour is worth, are calibrated on the
sends, which changes no order of a user's hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sendopt.features import HALF_HOURS, AsOfView, Moments, Target, Viewpoints
from sendopt.learn.families.everybodys_hours import (
    EverybodysHours,
    half_hour,
    learn_everybodys_hours,
)
from sendopt.learn.families.user_level import level_of
from sendopt.learn.model.contributions import Contributions, OwnWeights
from sendopt.learn.model.scorer import Scorer, require_target
from sendopt.learn.numerics import logistic
from sendopt.learn.numerics.logistic import sigmoid
from sendopt.learn.past.past import Past
from sendopt.strict_json import StrictModel

NAME = "most_frequent"

HALF_LIFE = timedelta(days=60)
#: Of everybody's logit: less than one visit of some hundred, and far above what is lost where
#: scores are kept, which is 2e-6 of a logit.
_TIE = 1e-3
_LEAST_FREQUENCY_WEIGHT = 0.05  # an hour that is more frequent is never the worse one

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """One row a moment."""

    everybody: Vector  # logit at the moment
    level: Vector  # how much more the user answers than everybody, on the logit scale
    frequency: Vector  # share of the user's sessions and answers in the hour of the moment
    seen: Vector  # sessions and answers of the user, decayed; 0 = never seen

    def __len__(self) -> int:
        return len(self.level)


@dataclass(frozen=True)
class Weights:
    """What each part counts on the logit scale."""

    intercept: float = 0.0
    level: float = 1.0
    frequency: float = 1.0


@dataclass(frozen=True)
class MostFrequent(Scorer):
    """The user's most frequent hour first."""

    family: ClassVar[str] = NAME
    reads_answer_times: ClassVar[bool] = True

    target: Target
    hours: EverybodysHours
    weights: Weights = Weights()
    half_life: timedelta = HALF_LIFE

    @property
    def platforms(self) -> tuple[str, ...]:
        """Names of the platforms that have hours of their own."""
        return self.hours.platforms

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> Inputs:
        """Count the user's sessions and answers in the hour of each moment."""
        require_target(self, view)
        evidence = view.user_evidence(viewpoints, half_life=self.half_life)
        answers = view.user_answers(viewpoints, half_life=self.half_life)
        visits = (evidence.sessions + answers).sum(axis=1)
        by_hour = visits.reshape(len(visits), HALF_HOURS // 2, 2).sum(axis=-1)
        seen, row = by_hour.sum(axis=1), moments.viewpoint
        share = by_hour / np.maximum(seen, 1e-12)[:, None]
        platform = self.hours.rows(view, viewpoints)
        return Inputs(
            everybody=self.hours.logits[platform[row], half_hour(moments)],
            level=level_of(evidence, self.hours.base)[row],
            frequency=share[row, moments.minute_of_day // 60],
            seen=seen[row],
        )

    def logit_sd(self, inputs: Inputs) -> Vector:
        """Return how unsure the share of the hour is, as of so many draws."""
        share = inputs.frequency
        spread: Vector = np.sqrt((share * (1.0 - share) + 1.0 / 24.0) / (inputs.seen + 1.0))
        return self.weights.frequency * spread

    def everybody(self, inputs: Inputs) -> Vector:
        """Return everybody's probability."""
        return sigmoid(inputs.everybody)

    def contributions(self, inputs: Inputs) -> Contributions:
        """Return level, frequency, and everybody's hours, which only break ties of the seen."""
        weights, never = self.weights, inputs.seen == 0.0
        base, nothing = np.full(len(inputs), self.hours.base), np.zeros(len(inputs))
        return Contributions(
            everybody=base + weights.intercept,
            everybodys_hours=np.where(never, 1.0, _TIE) * (inputs.everybody - base),
            own_visits=weights.frequency * inputs.frequency,
            own_answers=nothing,
            level=weights.level * inputs.level,
            pace=nothing,
        )

    def own_weights(
        self, inputs: Inputs, row: int, *, visits: float, probability: float
    ) -> OwnWeights:
        """All is the user's own as soon as the user was seen once."""
        del visits, probability
        return OwnWeights(visits=float(inputs.seen[row] > 0.0), answers=0.0)

    def card(self) -> Iterator[str]:
        """Yield what it does."""
        yield (
            "- The rule of the most frequent hour: of a user's sessions and answers, late ones "
            "included, each in the hour in which it happened; half as much "
            f"after {self.half_life.days} days; everybody's hours break ties."
        )
        yield (
            f"- Weights: level {self.weights.level:.2f}, frequency {self.weights.frequency:.2f}."
        )

    def document(self) -> dict[str, Any]:
        """Return curves and weights."""
        return {"hours": self.hours.document(), "weights": asdict(self.weights)}


class Settings(StrictModel):
    """Nothing of it is set: a yardstick that could be tuned would be none."""


def fit(past: Past, settings: Settings) -> tuple[MostFrequent, Inputs]:
    """Learn what frequency and level are worth."""
    del settings
    rule = MostFrequent(past.target, learn_everybodys_hours(past))
    inputs = rule.inputs(past.view, past.viewpoints, past.moments)
    learn, unweighed = past.learn, rule.contributions(inputs)
    intercept, level, frequency = logistic.fit_at_least(
        _LEAST_FREQUENCY_WEIGHT,
        np.column_stack([np.ones(len(inputs)), inputs.level, inputs.frequency])[learn],
        past.labelled.label[learn],
        past.labelled.weight[learn],
        offset=(unweighed.everybody + unweighed.everybodys_hours)[learn],
        prior=np.array([0.0, 1.0, 1.0]),
        precision=np.array([0.01, 4.0, 0.1]),
    )
    weights = Weights(float(intercept), float(level), float(frequency))
    return MostFrequent(past.target, rule.hours, weights), inputs


def read(
    target: Target,
    document: Mapping[str, Any],
    attachments: Mapping[str, bytes],
    *,
    threads: int,
) -> MostFrequent:
    """Read what `document` wrote."""
    del attachments, threads
    hours, weights = EverybodysHours.read(document["hours"]), Weights(**document["weights"])
    return MostFrequent(target, hours, weights)
