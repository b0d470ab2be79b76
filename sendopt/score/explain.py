"""Explains one user's best times: the week, what it rests on, and whose word it is.

Everything that is told, in words or as a picture, is a field of `Explanation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.features import AsOfView, Population, Viewpoints
from sendopt.learn import ServableModel
from sendopt.learn.model.contributions import Contributions, OwnWeights
from sendopt.learn.numerics.logistic import sigmoid
from sendopt.records import FallbackReason, ServedBy, UserId
from sendopt.score.known import Known, known_of

#: P(the first of two normal variables is the larger one), of two means and standard deviations.
ChanceOfGain = Callable[[float, float, float, float], float]

_TOP_FEATURES = 3
_Z = 1.96  # of a 95 % interval
_CLOSE = 1e-9  # hours whose logits differ by less are equally good


@dataclass(frozen=True, slots=True)
class ExplainedHour:
    """One hour of the user's local week; a send is thought of at its start."""

    day_of_week: int  # 0 = Monday
    hour: int
    open_probability: float
    low: float  # 95 % interval of the hour's place among the user's own times; how much the user
    high: float  # answers at all is taken as known
    everybody: float  # everybody's probability at that local hour


@dataclass(frozen=True, slots=True)
class Feature:
    """Something known of the user that the trees make use of."""

    name: str
    value: float | None  # None = it never happened
    logit: float  # what it adds to the score


@dataclass(frozen=True, slots=True)
class Gain:
    """What the best hour has over another one of the same day."""

    hour: ExplainedHour  # the other one
    probability: float  # that the best hour is better; even odds = 0.5
    parts: Mapping[str, float]  # what each part adds to the difference of the logits


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a user's best time is what it is."""

    user_id: UserId
    as_of: datetime
    model_version: str
    learned_until: datetime  # the model's weights; what it knows of the user is of `as_of`
    label_source: str  # "sends", or "activity": being there stood in for an answer
    outcome: str
    window_seconds: float  # an answer counts so long after the send
    best: ExplainedHour
    best_days: tuple[int, ...]  # of the week, on which that hour is equally good
    weekend: tuple[int, ...]  # its days where the user lives, 0 = Monday
    sends_there: int  # to anybody before today, at that hour of weekdays or of weekends; 0 = none
    parts: Mapping[str, float]  # of the best hour; their sum is the logit of its probability
    features: tuple[Feature, ...]  # of the trees, those that matter most at the best hour
    over_configured: Gain
    over_everybodys: Gain  # everybody's best hour
    known: Known
    platform: str | None  # whose hours stand for everybody's; None = everybody's own
    own_weights: OwnWeights  # at the best hour
    mean: float  # probability over all hours of the week
    mean_everybody: float
    week: tuple[ExplainedHour, ...]  # Monday 0:00 first


@dataclass(frozen=True, slots=True)
class Standing:
    """On whose clock the hours are, whose word they are, and what planning asks of them."""

    timezone: str  # in which the model reads the user's hours
    timezone_source: str  # "log", or "unknown": read in UTC
    planning_timezone: str  # in which a campaign planned now would place them
    planning_timezone_source: str  # "device", "user", "log", "tenant"
    served_by: ServedBy
    fallback_reason: FallbackReason | None  # why the champion did not speak; None = it did
    least_confidence: float  # in a gain, for a campaign that names a time to leave it


def explain(
    model: ServableModel,
    view: AsOfView,
    user_id: UserId,
    *,
    as_of: datetime,
    configured_hour: int,
    chance_of_gain: ChanceOfGain,
) -> Explanation:
    """Explain the week of one user; of a user that the log does not know, everybody's.

    Args:
        model: which is asked.
        view: of the tenant's log; only what was known at `as_of` is used.
        user_id: who.
        as_of: what was known when.
        configured_hour: local, 0..23: when messages go out that nothing is known about.
        chance_of_gain: how planning judges whether one time is better than another.
    """
    as_of = as_utc(as_of)
    viewpoints = Viewpoints(pa.array([user_id]), pa.array([as_of], pa.timestamp("us", tz="UTC")))
    scorer = model.scorer
    everybody = scorer.population(view, as_of=as_of)
    rows = model.inputs(view, viewpoints, view.hours_of_week(viewpoints))
    contributions = model.contributions(rows)
    week = _Week(contributions, contributions.logit, model.logit_sd(rows), scorer.everybody(rows))
    best = _first_best(week.logit)
    best_hour, midnight = week.hours[best], best - best % 24
    everybodys_best = midnight + int(week.everybody[midnight : midnight + 24].argmax())
    weekend = view.weekends(viewpoints)[0]
    known = known_of(user_id, view, viewpoints, half_life=scorer.half_life)
    return Explanation(
        user_id=user_id,
        as_of=as_of,
        model_version=model.version,
        learned_until=model.provenance.learned_until,
        label_source=model.provenance.label_source,
        outcome=model.target.outcome.value,
        window_seconds=model.target.open_window.total_seconds(),
        best=best_hour,
        best_days=_equally_good(week.logit, best),
        weekend=tuple(np.flatnonzero(weekend).tolist()),
        sends_there=_sends_at(
            everybody, best_hour.hour, day_type=int(weekend[best_hour.day_of_week])
        ),
        parts={name: float(part[best]) for name, part in contributions.parts.items()},
        features=_top_features(contributions, best),
        over_configured=week.gain(best, midnight + configured_hour, chance_of_gain),
        over_everybodys=week.gain(best, everybodys_best, chance_of_gain),
        known=known,
        platform=_platform(model, view, viewpoints),
        own_weights=scorer.own_weights(
            rows, best, visits=known.decayed_visits, probability=best_hour.open_probability
        ),
        mean=float(sigmoid(week.logit).mean()),
        mean_everybody=float(week.everybody.mean()),
        week=week.hours,
    )


@dataclass(frozen=True)
class _Week:
    """What a model says of the hours of a user's week, Monday 0:00 first."""

    contributions: Contributions
    logit: NDArray[np.float64]
    sd: NDArray[np.float64]  # of the logits
    everybody: NDArray[np.float64]  # probabilities

    @cached_property
    def hours(self) -> tuple[ExplainedHour, ...]:
        """Probability, its interval and everybody's probability, hour by hour."""
        low, high = self.logit - _Z * self.sd, self.logit + _Z * self.sd
        curves = [*(sigmoid(each) for each in (self.logit, low, high)), self.everybody]
        rows = np.column_stack(curves).tolist()
        return tuple(ExplainedHour(*divmod(slot, 24), *hour) for slot, hour in enumerate(rows))

    def gain(self, best: int, other: int, chance_of_gain: ChanceOfGain) -> Gain:
        """Return what the best hour has over another one."""
        logit, sd = self.logit, self.sd
        chance = chance_of_gain(
            float(logit[best]), float(sd[best]), float(logit[other]), float(sd[other])
        )
        parts = {
            name: float(part[best] - part[other]) for name, part in self.contributions.parts.items()
        }
        return Gain(self.hours[other], chance, parts)


def _platform(model: ServableModel, view: AsOfView, viewpoints: Viewpoints) -> str | None:
    (name,) = view.last_platforms(viewpoints).to_pylist()
    return name if name in model.scorer.platforms else None


def _first_best(logit: NDArray[np.float64]) -> int:
    return int(np.flatnonzero(logit >= logit.max() - _CLOSE)[0])


def _equally_good(logit: NDArray[np.float64], best: int) -> tuple[int, ...]:
    """Return the days on which the hour of `best` is as good as there."""
    same_hour = logit[best % 24 :: 24]
    return tuple(np.flatnonzero(same_hour >= logit[best] - _CLOSE).tolist())


def _top_features(contributions: Contributions, row: int) -> tuple[Feature, ...]:
    if not contributions.tree_features:
        return ()
    added, values = contributions.trees[row], contributions.tree_values[row]
    order = np.argsort(-np.abs(added), kind="stable")[:_TOP_FEATURES]
    return tuple(
        Feature(
            contributions.tree_features[at],
            None if np.isnan(values[at]) else float(values[at]),
            float(added[at]),
        )
        for at in order.tolist()
        if added[at] != 0.0
    )


def _sends_at(everybody: Population, hour: int, *, day_type: int) -> int:
    """Count everybody's sends in one local hour, of weekdays or of weekends."""
    return int(everybody.sends[day_type, 2 * hour : 2 * hour + 2].sum())
