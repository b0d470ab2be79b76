"""Level times shape by counting: Beta counts under a circular kernel, and the density of sessions.

    p_u(h) = (sum_i K(h - h_i) y_i + k q_u(h)) / (sum_i K(h - h_i) + k)
    s_u(h) = (sum_j K(h - t_j) + m s(h)) / (S_u + m)

with q_u everybody's curve at the user's level, h_i and y_i the user's sends and answers, t_j the
S_u sessions, s everybody's density of them. The logs of both curves about their means, added up,
order the hours; that sum, the level and an intercept are weighed on the sends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sendopt.features import HALF_HOURS, AsOfView, Evidence, Moments, Viewpoints
from sendopt.learn.families.counting_rule import CountingRule, Settings
from sendopt.learn.families.everybodys_hours import half_hour, near
from sendopt.learn.families.user_level import level_of
from sendopt.learn.model.contributions import Contributions, OwnWeights
from sendopt.learn.model.scorer import require_target
from sendopt.learn.numerics.logistic import sigmoid

__all__ = ["NAME", "EmpiricalBayes", "Inputs", "Settings", "fit", "read"]

NAME = "empirical_bayes"

ANSWER_SENDS = 10.0  # k: sends near an hour that say as much of it as everybody's
SESSIONS = 30.0  # m: sessions that know a user's hours as well as everybody's do
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
class EmpiricalBayes(CountingRule):
    """Counts, pulled to everybody's."""

    family: ClassVar[str] = NAME
    orders_by: ClassVar[str] = "shape"
    order_precision: ClassVar[float] = 4.0

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
        return self.weights.order * np.sqrt(inputs.variance)

    def order(self, inputs: Inputs) -> Vector:
        """Return everybody's shape and what the user's own counts add to it."""
        return inputs.everybodys_shape + inputs.answers + inputs.activity

    def contributions(self, inputs: Inputs) -> Contributions:
        """Return level, everybody's shape, and what the user's own counts add to it."""
        weights = self.weights
        return Contributions(
            everybody=np.full(len(inputs), self.hours.base + weights.intercept),
            everybodys_hours=weights.order * inputs.everybodys_shape,
            own_visits=weights.order * inputs.activity,
            own_answers=weights.order * inputs.answers,
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
        yield self.weights_in_words()


fit, read = EmpiricalBayes.fit, EmpiricalBayes.read


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
