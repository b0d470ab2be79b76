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

from sendopt.features import DAY_TYPES, HALF_HOURS, Evidence, Moments
from sendopt.learn import circle, clocks
from sendopt.learn.clocks import ClockPrior

_MOST_STEPS = 40
_CLOSE = 1e-4  # of a logit; Newton's next error would be about its square
_LONGEST_STEP = 2.0  # of a logit: further away the curvature says nothing
_LEVEL_STEPS = 8
_WAVES = 10  # of a day: the shortest takes 2.4 hours
_POPULATION_STAGE_SD = 0.1  # of everybody's stages from their share of answers over all hours


@dataclass(frozen=True)
class LevelShape:
    """What the model believes before it has seen anybody; counts are decayed events."""

    half_life_days: float = 60.0
    activity_bandwidth_hours: float = 0.75  # of everybody's clock
    activity_prior: float = 30.0  # sessions that know a user's hours as well as everybody's do
    population_day_type_prior: float = 50.0  # sessions after which everybody's weekend differs
    activity_weight: float = 1.0  # 0 where being active was found to tell nothing of answering
    activity_trust: float = 1000.0  # sessions of everybody that outweigh everybody's answers
    send_bandwidth_hours: float = 1.0
    deviation_sd: float = 0.6  # of a user's own hours from everybody's, on the logit scale
    deviation_length_hours: float = 1.0  # over which such a deviation changes
    level_sd: float = 1.0  # of users' levels, on the logit scale
    population_prior_sends: float = (
        20.0  # near an hour, after which what is heard there counts half
    )
    population_sd: float = 0.5  # of everybody's hours from each other, on the logit scale
    population_length_hours: float = 1.0
    population_day_type_sd: float = 0.15  # of everybody's weekend from their weekday

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

    population_activity: NDArray[np.float64]
    population_answers: NDArray[np.float64]
    activity: NDArray[np.float64]
    answers: NDArray[np.float64]
    evidence: NDArray[np.float64]
    doubt: NDArray[np.float64]  # posterior variance of the user's own part of the shape

    @property
    def population(self) -> NDArray[np.float64]:
        """What is common to all users."""
        return self.population_activity + self.population_answers

    @property
    def shape(self) -> NDArray[np.float64]:
        """How much likelier than on average, on the logit scale, before any calibration."""
        return self.population + self.activity + self.answers


def estimate(
    model: LevelShape,
    prior: ClockPrior,
    user: Evidence,
    everybody: Evidence,
    population_row: NDArray[np.intp],
    *,
    reach: timedelta,
) -> Curves:
    """Return the posterior curves of every viewpoint.

    Args:
        model: what is believed of levels and of answers.
        prior: how users' clocks differ.
        user: one row a viewpoint.
        everybody: the population's evidence, one row a day.
        population_row: the row of `everybody` of each viewpoint.
        reach: how long after a send activity can still answer it.
    """
    reach_hours = reach / timedelta(hours=1)
    clock = population_clock(model, everybody)
    clock_ahead = circle.ahead(clock, reach_hours)
    density, clock_doubt = clocks.clocks(prior, user.sessions)
    ahead = circle.ahead(density, reach_hours)
    activity = np.log(ahead / circle.ahead(prior.of_everybody, reach_hours))
    activity *= model.activity_weight

    base, answering, stages = _population_answering(model, everybody)
    tried = _near(model, everybody)
    tried = tried / (tried + model.population_prior_sends)
    answering = tried * answering
    weight = model.activity_weight
    doubt = model.activity_trust / (model.activity_trust + weight * _total(everybody.sessions))
    mean_ahead = clock_ahead.mean(axis=-1, keepdims=True)
    population_activity = (1.0 - doubt) * np.log(clock_ahead / mean_ahead)
    population_answering = doubt * answering

    expected = (
        _at_middles(population_activity)[population_row]
        + population_answering[population_row]
        + _at_middles(activity)
    )
    own = _answers(model, user, base[population_row], expected, stages[population_row])
    sessions = _total(user.sessions)
    fade = model.activity_prior / (model.activity_prior + weight * sessions)
    per_day = sessions[:, 0, 0] * np.log(2.0) / model.half_life_days
    return Curves(
        population_row=population_row,
        population_activity=population_activity,
        population_answering=population_answering,
        activity=activity,
        answering=fade * tried[population_row] * own.deviation,
        evidence=own.evidence,
        doubt=weight**2 * clock_doubt + fade**2 * own.variance,
        level=own.level,
        base=base[population_row],
        busyness=np.log1p(per_day),
    )


def parts(curves: Curves, asked: Moments) -> Parts:
    """Read the curves at the moments."""
    start, middle = asked.half_hours, asked.half_hours - 0.5
    row, day_type = asked.viewpoint, asked.day_type
    of_all = curves.population_row[row]
    all_days = np.zeros_like(day_type)
    return Parts(
        population_activity=circle.at(curves.population_activity, of_all, day_type, start),
        population_answers=circle.at(curves.population_answering, of_all, day_type, middle),
        activity=circle.at(curves.activity, row, day_type, start),
        answers=circle.at(curves.answering, row, all_days, middle),
        evidence=circle.at(curves.evidence, row, all_days, middle),
        doubt=circle.at(curves.doubt, row, day_type, start),
    )


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


def _population_answering(
    model: LevelShape, everybody: Evidence
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return everybody's logit over all hours, their curve about it, and the stages' logits.

    The same hazard as of a single user, with a weekend of its own.
    """
    sends = _total(everybody.sends)
    answers = everybody.answers.sum(axis=(-2, -1))
    base = _logit((answers.sum(axis=1) + 1.0) / (sends[:, 0, 0] + 2.0))
    passed = answers.cumsum(axis=1) - answers
    stages = _logit((answers + 1.0) / (sends[:, :, 0] + 2.0 * answers.shape[1] - passed))
    waves, variance = _waves(model.population_sd, model.population_length_hours)
    weekend = np.array([-0.5, 0.5])[:, None, None]
    both = np.concatenate([np.broadcast_to(waves, (2, *waves.shape)), weekend * waves], axis=2)
    share = model.population_day_type_sd / model.population_sd
    own, _ = _newton(
        everybody,
        stages[:, :, None, None],
        both,
        np.concatenate([variance, variance * share**2]),
        stage_sd=_POPULATION_STAGE_SD,
    )
    return base, np.einsum("rc,dhc->rdh", own, both), stages


def _answers(
    model: LevelShape,
    user: Evidence,
    base: NDArray[np.float64],
    expected: NDArray[np.float64],
    stage: NDArray[np.float64],
) -> Answers:
    """Return what the user's own answers say, beyond everybody's and the user's activity.

    A discrete-time hazard: a send passes the stages of promptness one after the other, and each
    stage answers it with the probability sigmoid(stage + expected(h) + own(stage) + deviation(h)),
    so a prompt answer says more of its hour than a late one. own(stage) is how prompt the user is
    at any hour; the deviation is a Gaussian process on the circle of the day; together they are
    the maximum of the posterior (Newton). The level asks only whether a send was answered.
    """
    rows = len(expected)
    level, deviation = np.zeros(rows), np.zeros((rows, 1, HALF_HOURS))
    variance = np.full((rows, 1, HALF_HOURS), model.deviation_sd**2)
    asked = np.flatnonzero(_total(user.sends)[:, 0, 0] > 0)
    waves, prior_variance = _waves(model.deviation_sd, model.deviation_length_hours)
    if len(asked):
        own, covariance = _newton(
            user.rows(asked),
            expected[asked, None] + stage[asked, :, None, None],
            np.broadcast_to(waves, (DAY_TYPES, *waves.shape)),
            prior_variance,
            stage_sd=model.level_sd,
        )
        deviation[asked, 0] = own @ waves.T
        variance[asked, 0] = ((waves @ covariance) * waves).sum(axis=-1)
        known = base[asked, None, None] + expected[asked] + deviation[asked]
        level[asked] = _level(user.rows(asked), known, model.level_sd**-2.0)
    return Answers(level, deviation, variance, _near(model, user))


def _near(model: LevelShape, seen: Evidence) -> NDArray[np.float64]:
    """Count the sends near each half hour; one at the very half hour counts 1."""
    kernel = circle.gaussian(model.send_bandwidth_hours)
    near: NDArray[np.float64] = seen.sends.sum(axis=-2, keepdims=True) @ (kernel / kernel.max())
    return near


def _level(seen: Evidence, known: NDArray[np.float64], precision: float) -> NDArray[np.float64]:
    """Return the mode of every row's own addition to the logits `known`."""
    level = np.zeros((len(known), 1, 1))
    for _ in range(_LEVEL_STEPS):
        p = _sigmoid(known + level)
        slope = _total(seen.opens - seen.sends * p) - precision * level
        step = slope / (_total(seen.sends * p * (1.0 - p)) + precision)
        level += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
    return level[:, 0, 0]


def _newton(
    seen: Evidence,
    offset: NDArray[np.float64],
    waves: NDArray[np.float64],
    variance: NDArray[np.float64],
    *,
    stage_sd: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the posterior's mode of every row's coefficients of `waves`, and its covariance.

    Args:
        seen: one row for each set of coefficients.
        offset: (rows, stages, day types or 1, half hours or 1), the known part of the logit.
        waves: (day types, half hours, coefficients).
        variance: of the Gaussian prior of the coefficients, whose mean is 0.
        stage_sd: of a constant that every row has at each stage, worked out and left aside.
    """
    rows, stages = seen.answers.shape[:2]
    flat = waves.reshape(-1, waves.shape[-1])
    squares = (flat[:, :, None] * flat[:, None, :]).reshape(len(flat), -1)
    precision = 1.0 / np.concatenate([np.full(stages, stage_sd**2), variance])
    constant, wave = slice(0, stages), slice(stages, None)
    own = np.zeros((rows, len(precision)))
    curvature = np.tile(np.diag(precision), (rows, 1, 1))
    at_risk = seen.sends[:, None] - (seen.answers.cumsum(axis=1) - seen.answers)
    at_risk, answers = at_risk.reshape(rows, stages, -1), seen.answers.reshape(rows, stages, -1)
    offset = np.broadcast_to(offset, (rows, stages, *waves.shape[:2])).reshape(rows, stages, -1)
    moving = np.arange(rows)
    for _ in range(_MOST_STEPS):
        mine = own[moving]
        logit = offset[moving] + mine[:, constant, None] + (mine[:, wave] @ flat.T)[:, None]
        p = _sigmoid(logit)
        expected = at_risk[moving] * p
        residual, weight = answers[moving] - expected, expected * (1.0 - p)
        slope = -precision * mine
        slope[:, constant] += residual.sum(axis=2)
        slope[:, wave] += residual.sum(axis=1) @ flat
        bend = np.tile(np.diag(precision), (len(moving), 1, 1))
        bend[:, constant, constant] += weight.sum(axis=2)[:, :, None] * np.eye(stages)
        bend[:, constant, wave] += weight @ flat
        bend[:, wave, constant] = bend[:, constant, wave].transpose(0, 2, 1)
        bend[:, wave, wave] += (weight.sum(axis=1) @ squares).reshape(-1, *[flat.shape[1]] * 2)
        step = np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        change = np.abs(step[:, wave] @ flat.T).max(axis=1) + np.abs(step[:, constant]).max(axis=1)
        own[moving] += step * np.minimum(1.0, _LONGEST_STEP / np.maximum(change, 1e-12))[:, None]
        curvature[moving] = bend
        moving = moving[change > _CLOSE]
        if len(moving) == 0:
            break
    covariance = np.asarray(np.linalg.inv(curvature), np.float64)
    return own[:, wave], covariance[:, wave, wave]


def _waves(sd: float, length_hours: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first waves of the day at half hours' middles, and their prior variances.

    Waves whose variances fall like 1 / (1 + (k w l)^2) are a Gaussian process on the circle with an
    exponential kernel of length l (its Fourier series; Rasmussen and Williams 2006, section 4.2):
    a rough one, because what a user does at three need not tell of four.
    """
    number = np.arange(1, _WAVES + 1)
    angle = 2.0 * np.pi * np.outer(np.arange(HALF_HOURS) + 0.5, number) / HALF_HOURS
    power = 1.0 / (1.0 + (number * 2.0 * np.pi / 24.0 * length_hours) ** 2)
    variance = sd**2 * np.tile(power / power.sum(), 2)
    return np.hstack([np.cos(angle), np.sin(angle)]), variance


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
