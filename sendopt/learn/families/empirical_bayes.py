"""Level times shape by counting: Beta counts under a circular kernel, and the density of sessions.

    p_u(h) = (sum_i K(h - h_i) y_i + k q_u(h)) / (sum_i K(h - h_i) + k)
    s_u(h) = (sum_j K(h - t_j) + m s(h)) / (S_u + m)

with q_u everybody's curve at the user's level, h_i and y_i the user's sends and answers, t_j the
S_u sessions, s everybody's density of them. The logs of both curves about their means, added up,
order the hours; that sum, the level and an intercept are weighed on the sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sendopt.features import HALF_HOURS, AsOfView, Evidence, Moments, Target, Viewpoints
from sendopt.learn.families.everybodys_hours import (
    EverybodysHours,
    half_hour,
    learn_everybodys_hours,
    near,
)
from sendopt.learn.families.user_level import level_of
from sendopt.learn.model.contributions import Contributions, OwnWeights
from sendopt.learn.model.scorer import Scorer, require_target
from sendopt.learn.numerics import logistic
from sendopt.learn.numerics.logistic import sigmoid
from sendopt.learn.past.past import Past
from sendopt.strict_json import StrictModel

NAME = "empirical_bayes"

HALF_LIFE = timedelta(days=60)
ANSWER_SENDS = 10.0  # k: sends near an hour that say as much of it as everybody's
SESSIONS = 30.0  # m: sessions that know a user's hours as well as everybody's do
_LEAST_SHAPE_WEIGHT = 0.05  # what orders the hours is never turned over
_ALL_NEAR = float(near(np.eye(HALF_HOURS))[0].sum())  # what the kernel makes of one

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """One row a moment; curves are logs about their mean over the day."""

    everybody: Vector  # logit at the moment
    everybodys_shape: Vector
    level: Vector
    answers: Vector  # the shape of answers beyond everybody's
    activity: Vector  # the shape of sessions
    sent: Vector  # sends near the moment
    variance: Vector  # of the own part of the shape

    def __len__(self) -> int:
        return len(self.level)


@dataclass(frozen=True)
class Weights:
    """What each part counts on the logit scale."""

    intercept: float = 0.0
    level: float = 1.0
    shape: float = 1.0


@dataclass(frozen=True)
class EmpiricalBayes(Scorer):
    """Counts, pulled to everybody's."""

    family: ClassVar[str] = NAME

    target: Target
    hours: EverybodysHours
    weights: Weights = Weights()
    half_life: timedelta = HALF_LIFE

    @property
    def platforms(self) -> tuple[str, ...]:
        """Names of the platforms that have hours of their own."""
        return self.hours.platforms

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> Inputs:
        """Count near each moment."""
        require_target(self, view)
        user = view.user_evidence(viewpoints, half_life=self.half_life)
        everybody, day = view.population_evidence(viewpoints, half_life=self.half_life)
        level = level_of(user, self.hours.base)
        logits = self.hours.logits[self.hours.rows(view, viewpoints)]
        prior = sigmoid(logits + level[:, None])
        sent, answered = near(user.sends.sum(axis=1)), near(user.opens.sum(axis=1))
        rate = (answered + ANSWER_SENDS * prior) / (sent + ANSWER_SENDS)
        shape_of_prior = _shape(prior)
        activity, sessions = _activity(user, everybody, day)
        visits = activity * (sessions + SESSIONS) * _ALL_NEAR  # near each half hour
        variance = 1.0 / ((sent + ANSWER_SENDS) * rate) + 1.0 / visits
        row, cell = moments.viewpoint, half_hour(moments)
        return Inputs(
            everybody=logits[row, cell],
            everybodys_shape=shape_of_prior[row, cell],
            level=level[row],
            answers=(_shape(rate) - shape_of_prior)[row, cell],
            activity=_shape(activity)[row, cell],
            sent=sent[row, cell],
            variance=variance[row, cell],
        )

    def logit_sd(self, inputs: Inputs) -> Vector:
        """Return the deviation of the counts near each moment, of both curves."""
        return self.weights.shape * np.sqrt(inputs.variance)

    def everybody(self, inputs: Inputs) -> Vector:
        """Return everybody's probability."""
        return sigmoid(inputs.everybody)

    def contributions(self, inputs: Inputs) -> Contributions:
        """Return level, everybody's shape, and what the user's own counts add to it."""
        weights = self.weights
        return Contributions(
            everybody=np.full(len(inputs), self.hours.base + weights.intercept),
            everybodys_hours=weights.shape * inputs.everybodys_shape,
            own_visits=weights.shape * inputs.activity,
            own_answers=weights.shape * inputs.answers,
            level=weights.level * inputs.level,
            pace=np.zeros(len(inputs)),
        )

    def own_weights(
        self, inputs: Inputs, row: int, *, visits: float, probability: float
    ) -> OwnWeights:
        """Weigh counts against the counts that everybody's stand for."""
        del probability
        sent = float(inputs.sent[row])
        return OwnWeights(visits / (visits + SESSIONS), sent / (sent + ANSWER_SENDS))

    def card(self) -> Iterator[str]:
        """Yield what it does."""
        yield (
            "- Empirical Bayes by counting: answers near an hour, pulled to everybody's by "
            f"{ANSWER_SENDS:g} sends, times the density of sessions, pulled by {SESSIONS:g}; half "
            f"as much after {self.half_life.days} days."
        )
        yield f"- Weights: level {self.weights.level:.2f}, shape {self.weights.shape:.2f}."

    def document(self) -> dict[str, Any]:
        """Return curves and weights."""
        return {"hours": self.hours.document(), "weights": asdict(self.weights)}


class Settings(StrictModel):
    """Nothing of it is set: a yardstick that could be tuned would be none."""


def fit(past: Past, settings: Settings) -> tuple[EmpiricalBayes, Inputs]:
    """Learn what level and shape are worth."""
    del settings
    rule = EmpiricalBayes(past.target, learn_everybodys_hours(past))
    inputs = rule.inputs(past.view, past.viewpoints, past.moments)
    shape = inputs.everybodys_shape + inputs.answers + inputs.activity
    learn = past.learn
    intercept, level, weight = logistic.fit_at_least(
        _LEAST_SHAPE_WEIGHT,
        np.column_stack([np.ones(len(inputs)), inputs.level, shape])[learn],
        past.labelled.label[learn],
        past.labelled.weight[learn],
        offset=np.full(int(learn.sum()), rule.hours.base),
        prior=np.array([0.0, 1.0, 1.0]),
        precision=np.array([0.01, 4.0, 4.0]),
    )
    weights = Weights(float(intercept), float(level), float(weight))
    return EmpiricalBayes(past.target, rule.hours, weights), inputs


def read(
    target: Target,
    document: Mapping[str, Any],
    attachments: Mapping[str, bytes],
    *,
    threads: int,
) -> EmpiricalBayes:
    """Read what `document` wrote."""
    del attachments, threads
    hours, weights = EverybodysHours.read(document["hours"]), Weights(**document["weights"])
    return EmpiricalBayes(target, hours, weights)


def _activity(user: Evidence, everybody: Evidence, day: NDArray[np.intp]) -> tuple[Vector, Vector]:
    """Return each row's density of sessions over the day, and how many sessions it rests on."""
    of_all = near(everybody.sessions.sum(axis=1)) / _ALL_NEAR + 1.0 / HALF_HOURS
    of_all /= of_all.sum(axis=1, keepdims=True)
    own = near(user.sessions.sum(axis=1)) / _ALL_NEAR
    sessions = own.sum(axis=1, keepdims=True)
    return (own + SESSIONS * of_all[day]) / (sessions + SESSIONS), sessions


def _shape(curve: Vector) -> Vector:
    """Return the log of each row's curve about its mean over the day."""
    shape: Vector = np.log(curve / curve.mean(axis=1, keepdims=True))
    return shape
