"""The level-shape model: how much a user answers, times when, both shrunken to everybody.

Empirical Bayes in closed form on decayed counts by local half hour; `models/level_shape` explains
the mathematics. Symbols: s shape of activity, p0 population's answer rate, alpha level, delta
personal deviation of the answers; all curves live on the logit scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from sendopt.features import HALF_HOURS, Evidence, Moments
from sendopt.learn import circle

_NEWTON_STEPS = 6
_LONGEST_STEP = 2.0
_WAVES = 6  # the seventh would carry 2 % of a curve that changes within 1.5 hours
_RATE_FLOOR = 1e-4  # of population answer rates: a half hour is never impossible


@dataclass(frozen=True)
class LevelShape:
    """What the model believes before it has seen anybody; counts are decayed events."""

    half_life_days: float = 60.0
    activity_bandwidth_hours: float = 0.75
    activity_prior: float = 30.0  # sessions after which a user's own clock weighs half
    day_type_prior: float = 20.0  # sessions after which their weekend differs from their weekday
    population_day_type_prior: float = 50.0  # the same, of everybody together
    activity_trust: float = 1000.0  # sessions of everybody that outweigh everybody's answers
    send_bandwidth_hours: float = 1.0
    deviation_sd: float = 0.6  # of a user's own hours from everybody's, on the logit scale
    deviation_length_hours: float = 1.5  # over which such a deviation changes
    level_sd: float = 1.0  # of users' levels, on the logit scale
    population_prior_sends: float = 20.0

    @property
    def half_life(self) -> timedelta:
        """After so long an event counts half."""
        return timedelta(days=self.half_life_days)


@dataclass(frozen=True)
class Curves:
    """The model's view of every viewpoint; curves are (rows, day types, half hours), logits.

    `answering` curves hold at the middle of a half hour, `activity` curves at its start, because
    activity is looked for from there on.
    """

    population_row: NDArray[np.intp]  # of each viewpoint, into the population curves
    population_activity: NDArray[np.float64]
    population_answering: NDArray[np.float64]
    activity: NDArray[np.float64]
    answering: NDArray[np.float64]
    evidence: NDArray[np.float64]  # sends near the half hour
    doubt: NDArray[np.float64]  # posterior variance of the user's own part, at the starts
    level: NDArray[np.float64]  # of each viewpoint, relative to everybody
    base: NDArray[np.float64]  # everybody's logit as of each viewpoint
    busyness: NDArray[np.float64]  # log of 1 + sessions a day


@dataclass(frozen=True)
class Answers:
    """What users' own answers say; curves are (rows, 1, half hours), at their middles."""

    level: NDArray[np.float64]
    deviation: NDArray[np.float64]
    variance: NDArray[np.float64]  # of the deviation
    evidence: NDArray[np.float64]  # sends near the half hour


@dataclass(frozen=True)
class Parts:
    """The curves at moments: their sum orders the moments of a day."""

    population: NDArray[np.float64]
    activity: NDArray[np.float64]
    answers: NDArray[np.float64]
    evidence: NDArray[np.float64]
    doubt: NDArray[np.float64]  # posterior variance of the user's own part of the shape

    @property
    def shape(self) -> NDArray[np.float64]:
        """How much likelier than on average, on the logit scale, before any calibration."""
        return self.population + self.activity + self.answers


def estimate(
    model: LevelShape,
    user: Evidence,
    everybody: Evidence,
    population_row: NDArray[np.intp],
    *,
    reach: timedelta,
) -> Curves:
    """Return the posterior curves of every viewpoint.

    Args:
        model: the prior.
        user: one row a viewpoint.
        everybody: the population's evidence, one row a day.
        population_row: the row of `everybody` of each viewpoint.
        reach: how long after a send activity can still answer it.
    """
    reach_hours = reach / timedelta(hours=1)
    clock = population_clock(model, everybody)
    own_clock = activity_clock(model, user.sessions, clock[population_row])
    clock_ahead = circle.ahead(clock, reach_hours)
    ahead = circle.ahead(own_clock, reach_hours)
    activity = np.log(ahead / clock_ahead[population_row])

    base, rate = _population_rate(model, everybody)
    doubt = model.activity_trust / (model.activity_trust + _total(everybody.sessions))
    mean_ahead = clock_ahead.mean(axis=-1, keepdims=True)
    population_activity = (1.0 - doubt) * np.log(clock_ahead / mean_ahead)
    population_answering = doubt * (_logit(rate) - base)

    prior = (
        _at_middles(population_activity)[population_row]
        + population_answering[population_row]
        + _at_middles(activity)
    )
    own = _answers(model, user, prior, _stages(everybody)[population_row])
    sessions = _total(user.sessions)
    fade = model.activity_prior / (model.activity_prior + sessions)
    # A share m of a Dirichlet posterior with n pseudo-counts: var(log m) is about (1 - m) / (n m).
    clock_doubt = (1.0 - ahead) / (ahead * (model.activity_prior + sessions))
    per_day = sessions[:, 0, 0] * np.log(2.0) / model.half_life_days
    return Curves(
        population_row=population_row,
        population_activity=population_activity,
        population_answering=population_answering,
        activity=activity,
        answering=fade * own.deviation,
        evidence=own.evidence,
        doubt=clock_doubt + fade**2 * own.variance,
        level=own.level,
        base=base[population_row, 0, 0],
        busyness=np.log1p(per_day),
    )


def parts(curves: Curves, asked: Moments) -> Parts:
    """Read the curves at the moments."""
    start, middle = asked.half_hours, asked.half_hours - 0.5
    row, day_type = asked.viewpoint, asked.day_type
    of_all = curves.population_row[row]
    all_days = np.zeros_like(day_type)
    return Parts(
        population=circle.at(curves.population_activity, of_all, day_type, start)
        + circle.at(curves.population_answering, of_all, day_type, middle),
        activity=circle.at(curves.activity, row, day_type, start),
        answers=circle.at(curves.answering, row, all_days, middle),
        evidence=circle.at(curves.evidence, row, all_days, middle),
        doubt=circle.at(curves.doubt, row, day_type, start),
    )


def activity_clock(
    model: LevelShape, sessions: NDArray[np.float64], clock: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return every user's density of sessions over the day; each day type sums to 1.

    s = (A smoothed + kappa x population) / (|A| + kappa) over all days, then the same once more
    from all days to each day type.
    """
    smoothed = sessions @ circle.gaussian(model.activity_bandwidth_hours)
    kappa, kappa_2 = model.activity_prior, model.day_type_prior
    all_days = (smoothed.sum(axis=-2, keepdims=True) + kappa * clock) / (_total(smoothed) + kappa)
    own: NDArray[np.float64] = (smoothed + kappa_2 * all_days) / (
        smoothed.sum(axis=-1, keepdims=True) + kappa_2
    )
    return own


def population_clock(model: LevelShape, everybody: Evidence) -> NDArray[np.float64]:
    """Return everybody's density of sessions over the day; each day type sums to 1."""
    smoothed = everybody.sessions @ circle.gaussian(model.activity_bandwidth_hours)
    size = smoothed.shape[-1]
    all_days = smoothed.sum(axis=-2, keepdims=True) + 1.0 / size  # one session, anywhere
    all_days /= all_days.sum(axis=-1, keepdims=True)
    kappa = model.population_day_type_prior
    clock: NDArray[np.float64] = (smoothed + kappa * all_days) / (
        smoothed.sum(axis=-1, keepdims=True) + kappa
    )
    return clock


def _population_rate(
    model: LevelShape, everybody: Evidence
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return everybody's logit over all hours, and the answer rate by day type and half hour."""
    smooth = circle.gaussian(model.send_bandwidth_hours)
    sends, opens = everybody.sends @ smooth, everybody.opens @ smooth
    mean = (_total(opens) + 1.0) / (_total(sends) + 2.0)
    prior = model.population_prior_sends
    all_days = (opens.sum(axis=-2, keepdims=True) + prior * mean) / (
        sends.sum(axis=-2, keepdims=True) + prior
    )
    rate = (opens + prior * all_days) / (sends + prior)
    return _logit(mean), np.clip(rate, _RATE_FLOOR, 1.0 - _RATE_FLOOR)


def _answers(
    model: LevelShape,
    user: Evidence,
    prior: NDArray[np.float64],
    stage: NDArray[np.float64],
) -> Answers:
    """Return what the user's own answers say, beyond everybody's and the user's activity.

    A discrete-time hazard: a send passes the stages of promptness one after the other, and each
    stage answers it with the probability sigmoid(stage + prior(h) + level + deviation(h)), so a
    prompt answer says more than a late one. The deviation is a Gaussian process on the circle of
    the day; level and deviation together are the maximum of the posterior (Newton).
    """
    rows = len(prior)
    level, deviation = np.zeros((rows, 1, 1)), np.zeros((rows, 1, HALF_HOURS))
    variance = np.full((rows, 1, HALF_HOURS), model.deviation_sd**2)
    asked = np.flatnonzero(_total(user.sends)[:, 0, 0] > 0)
    waves, precision = _waves(model)
    if len(asked):
        answers = user.answers[asked]
        at_risk = user.sends[asked, None] - (answers.cumsum(axis=1) - answers)
        offset = prior[asked, None] + stage[asked, :, None, None]
        own, covariance = _newton(answers, at_risk, offset, waves, precision)
        level[asked, 0, 0] = own[:, 0]
        deviation[asked, 0] = own[:, 1:] @ waves[:, 1:].T
        spread = np.einsum("hi,nij,hj->nh", waves[:, 1:], covariance[:, 1:, 1:], waves[:, 1:])
        variance[asked, 0] = spread
    kernel = circle.gaussian(model.send_bandwidth_hours)
    near = user.sends.sum(axis=-2, keepdims=True) @ (kernel / kernel.max())
    return Answers(level[:, 0, 0], deviation, variance, near)


def _newton(
    answers: NDArray[np.float64],
    at_risk: NDArray[np.float64],
    offset: NDArray[np.float64],
    waves: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the posterior's mode of every row's coefficients of `waves`, and its covariance.

    Args:
        answers: (rows, stages, day types, half hours), counts.
        at_risk: the same, sends that had not been answered before the stage.
        offset: the same, the known part of the logit.
        waves: (half hours, coefficients).
        precision: of the Gaussian prior of the coefficients, whose mean is 0.
    """
    squares = (waves[:, :, None] * waves[:, None, :]).reshape(len(waves), -1)
    own = np.zeros((len(answers), len(precision)))
    for _ in range(_NEWTON_STEPS):
        p = _sigmoid(offset + (own @ waves.T)[:, None, None, :])
        slope = (answers - at_risk * p).sum(axis=(1, 2)) @ waves - precision * own
        weight = (at_risk * p * (1.0 - p)).sum(axis=(1, 2))
        curvature = (weight @ squares).reshape(-1, len(precision), len(precision))
        curvature += np.diag(precision)
        step = np.linalg.solve(curvature, slope[:, :, None])[:, :, 0]
        own = own + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
    return own, np.linalg.inv(curvature)


def _waves(model: LevelShape) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a constant and the first waves of the day at half hours' middles, and precisions.

    Waves whose variances fall like exp(-(k w l)^2 / 2) are a Gaussian process with a squared
    exponential kernel of length l on the circle (its Fourier series).
    """
    number = np.arange(1, _WAVES + 1)
    angle = 2.0 * np.pi * np.outer(np.arange(HALF_HOURS) + 0.5, number) / HALF_HOURS
    power = np.exp(-0.5 * (number * 2.0 * np.pi / 24.0 * model.deviation_length_hours) ** 2)
    variance = model.deviation_sd**2 * np.tile(power / power.sum(), 2)
    waves = np.hstack([np.ones((HALF_HOURS, 1)), np.cos(angle), np.sin(angle)])
    return waves, np.r_[model.level_sd**-2.0, 1.0 / variance]


def _stages(everybody: Evidence) -> NDArray[np.float64]:
    """Return per row the logit with which each stage of promptness answers, relative to all."""
    answers = everybody.answers.sum(axis=(-2, -1)) + 1.0
    at_risk = _total(everybody.sends)[:, :, 0] + 2.0 * answers.shape[1]
    at_risk = at_risk - (answers.cumsum(axis=1) - answers)
    return _logit(answers / at_risk)


def _at_middles(starts: NDArray[np.float64]) -> NDArray[np.float64]:
    return (starts + np.roll(starts, -1, axis=-1)) / 2.0


def _total(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = counts.sum(axis=(-2, -1), keepdims=True)
    return total


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(probability) - np.log1p(-probability)


def _sigmoid(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    value: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logit))
    return value
