"""The level-shape model: how much a user answers, times when, both shrunken to everybody.

It puts together, on the logit scale, what sessions say of activity and what the hazard says of
answers, both from decayed counts by local half hour; `models/level_shape_trees` explains
the mathematics.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from sendopt.features import HALF_HOURS, Evidence, Moments
from sendopt.learn.level_shape.activity_prior import ActivityPrior
from sendopt.learn.level_shape.beliefs import LevelShape
from sendopt.learn.level_shape.hazard import by_day_type, levels, modes, total, waves_of_the_day
from sendopt.learn.level_shape.knowledge import Knowledge
from sendopt.learn.level_shape.segments import Segments
from sendopt.learn.numerics import circular
from sendopt.learn.numerics.logistic import logit

_ANYWHERE = 0.01  # of everybody's presence may be at any hour, seen there or not
_ROUGH_SHARE = 0.5  # of how a user's own hours deviate
_POPULATION_STAGE_SD = 0.1  # of everybody's stages from their share of answers over all hours


@dataclass(frozen=True)
class Curves:
    """The model's view of every viewpoint; curves are (rows, day types, half hours), logits.

    `answering` curves hold at the middle of a half hour, `activity` curves at its start, because
    activity is looked for from there on.
    """

    population_row: NDArray[np.intp]  # of each viewpoint, into the population curves
    population_activity: NDArray[np.float64]
    population_answering: NDArray[np.float64]
    activity: NDArray[np.float64]  # of sessions and of late answers
    answering: NDArray[np.float64]
    late: NDArray[np.float64] | None  # the hours of late answers alone, unweighed; None = not read
    late_evidence: NDArray[np.float64]  # late answers of each viewpoint's user, decayed
    evidence: NDArray[np.float64]  # sends near the half hour
    variance: NDArray[
        np.float64
    ]  # posterior, of the user's own part, at the starts; see `estimate`
    level: NDArray[np.float64]  # of each viewpoint, relative to everybody
    base: NDArray[np.float64]  # everybody's logit as of each viewpoint
    activity_rate: NDArray[np.float64]  # log of 1 + sessions a day


@dataclass(frozen=True)
class AnswerCurves:
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
    late: NDArray[np.float64]  # the hours of late answers, unweighed: to learn their weight
    late_evidence: NDArray[np.float64]  # late answers of the user, decayed
    evidence: NDArray[np.float64]
    variance: NDArray[np.float64]  # posterior variance of the user's own part of the shape

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
    prior: ActivityPrior,
    knowledge: Knowledge,
    platforms: Segments,
    *,
    open_window: timedelta,
    with_variance: bool = True,
) -> Curves:
    """Return the posterior curves of every viewpoint.

    Args:
        model: what is believed of levels and of answers.
        prior: how users' hours of activity differ.
        knowledge: what the log tells of the viewpoints; its activity by `prior`.
        platforms: what each adds to everybody's logits.
        open_window: over which activity is summed: what is there then could answer in time.
        with_variance: False leaves `variance` without rows, in `knowledge` as well.
    """
    user, everybody, late = knowledge.user, knowledge.everybody, knowledge.late
    population_row = knowledge.population_row
    if not model.by_promptness:
        user, everybody = user.whether_answered(), everybody.whether_answered()
    hours = open_window / timedelta(hours=1)
    density_ahead = circular.ahead(population_density(model, prior, everybody), hours)
    density, density_variance = knowledge.activity
    ahead = circular.ahead(density, hours)
    activity = np.log(ahead / circular.ahead(prior.of_everybody, hours))
    activity *= model.activity_weight
    variance = model.activity_weight**2 * density_variance
    if late is not None:
        activity += model.late_weight * late.own
        variance += model.late_weight**2 * late.variance

    of_late = np.zeros_like(density_ahead)
    if late is not None:
        of_late += model.late_weight * late.population
    base, answering, stages = _population_answering(model, everybody, _at_middles(of_late))
    tried = _near(model, everybody)
    tried = tried / (tried + model.population_prior_sends)
    answering = tried * answering
    weight = abs(model.activity_weight)
    by_answers = _share_of_answers(model, everybody)
    mean_ahead = density_ahead.mean(axis=-1, keepdims=True)
    population_activity = (1.0 - by_answers) * np.log(density_ahead / mean_ahead) + of_late
    population_answering = by_answers * answering

    # From here on a row is everybody on one platform as of one day.
    population_day = population_row
    of_platforms = platforms.curves
    platform = platforms.numbers(knowledge.platform) % len(of_platforms)
    (day, of_platform), population_row = _pairs(population_row, platform)
    added = of_platforms[of_platform]
    level = added.mean(axis=-1)
    base, stages = base[day] + level, stages[day] + level[:, None]
    tried, population_activity = tried[day], population_activity[day]
    population_answering = population_answering[day] + (added - level[:, None])[:, None]

    expected = (
        _at_middles(population_activity)[population_row]
        + population_answering[population_row]
        + _at_middles(activity)
    )
    given = base[population_row], expected, stages[population_row]
    own = _answers(model, user, *given, with_variance=with_variance)
    sessions = total(user.sessions)
    fade = model.activity_prior / (model.activity_prior + weight * sessions)
    per_day = sessions[:, 0, 0] * np.log(2.0) / model.half_life_days
    return Curves(
        population_row=population_row,
        population_activity=population_activity,
        population_answering=population_answering,
        activity=activity,
        answering=fade * tried[population_row] * own.deviation,
        late=None if late is None else late.population[population_day] + late.own,
        late_evidence=np.zeros(len(own.level)) if late is None else late.evidence,
        evidence=own.evidence,
        variance=variance + fade[: len(variance)] ** 2 * own.variance,
        level=own.level,
        base=base[population_row],
        activity_rate=np.log1p(per_day),
    )


def _pairs(
    first: NDArray[np.intp], second: NDArray[np.intp]
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], NDArray[np.intp]]:
    """Number the distinct pairs of rows; also return the number of every pair."""
    distinct, number = np.unique(np.stack([first, second]), axis=1, return_inverse=True)
    return (distinct[0], distinct[1]), number.ravel()


def hourly_shape(curves: Curves) -> NDArray[np.float64]:
    """Return `Parts.shape` at all whole hours of both day types, (rows, day types, 24)."""
    of_all = curves.population_activity[..., ::2] + _at_whole_hours(curves.population_answering)
    own = curves.activity[..., ::2] + _at_whole_hours(curves.answering)
    shape: NDArray[np.float64] = of_all[curves.population_row] + own
    return shape


def _at_whole_hours(middles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at whole hours a curve that holds at the middles of half hours."""
    return (np.roll(middles, 1, axis=-1)[..., ::2] + middles[..., ::2]) / 2.0


def parts(curves: Curves, moments: Moments) -> Parts:
    """Read the curves at the moments."""
    start, middle = moments.half_hours, moments.half_hours - 0.5
    row, day_type = moments.viewpoint, moments.day_type
    late = np.zeros(len(moments))
    if curves.late is not None:
        late = circular.at(curves.late, row, day_type, start)
    of_all = curves.population_row[row]
    all_days = np.zeros_like(day_type)
    return Parts(
        population_activity=circular.at(curves.population_activity, of_all, day_type, start),
        population_answers=circular.at(curves.population_answering, of_all, day_type, middle),
        activity=circular.at(curves.activity, row, day_type, start),
        answers=circular.at(curves.answering, row, all_days, middle),
        late=late,
        late_evidence=curves.late_evidence[row],
        evidence=circular.at(curves.evidence, row, all_days, middle),
        variance=circular.at(curves.variance, row, day_type, start),
    )


def _share_of_answers(model: LevelShape, everybody: Evidence) -> NDArray[np.float64]:
    """Return how much everybody's curve is what their answers say; the rest is their activity.

    Few answers say as little as few sessions do: without them, even a few sessions are better than
    believing all hours alike. (rows, 1, 1), in [0, 1]; without sessions it is 1.
    """
    answers = np.minimum(total(everybody.opens), model.activity_trust)
    weight = abs(model.activity_weight) * model.everybodys_activity
    sessions = weight * total(everybody.sessions)
    return np.divide(answers, answers + sessions, out=np.ones_like(answers), where=sessions > 0)


def population_density(
    model: LevelShape, prior: ActivityPrior, everybody: Evidence
) -> NDArray[np.float64]:
    """Return everybody's density of sessions over the day; each day type sums to 1.

    One session is taken for granted, at the hours that training saw: it is all that is left when
    the log has been silent for years. A hundredth of everybody's time is spread evenly: that nobody
    was seen at an hour is not that nobody ever will be, however many were seen at others, and the
    logarithm of nothing would drown what is known of all hours.
    """
    smoothed = everybody.sessions @ circular.gaussian(model.activity_bandwidth_hours)
    granted = prior.of_everybody.mean(axis=-2, keepdims=True)
    all_days = smoothed.sum(axis=-2, keepdims=True) + granted
    all_days /= all_days.sum(axis=-1, keepdims=True)
    kappa = model.population_day_type_prior
    density: NDArray[np.float64] = (smoothed + kappa * all_days) / (
        smoothed.sum(axis=-1, keepdims=True) + kappa
    )
    return (1.0 - _ANYWHERE) * density + _ANYWHERE / HALF_HOURS


def _population_answering(
    model: LevelShape, everybody: Evidence, known: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return everybody's logit over all hours, their curve about it, and the stages' logits.

    The same hazard as of a single user, with a weekend of its own. The curve is about `known`,
    (rows, day types, half hours), which is added elsewhere.
    """
    sends = total(everybody.sends)
    answers = everybody.answers.sum(axis=(-2, -1))
    base = logit((answers.sum(axis=1) + 1.0) / (sends[:, 0, 0] + 2.0))
    passed = answers.cumsum(axis=1) - answers
    stages = logit((answers + 1.0) / (sends[:, :, 0] + 2.0 * answers.shape[1] - passed))
    waves, variance = waves_of_the_day(model.population_sd, model.population_length_hours)
    both = by_day_type(waves)
    share = model.population_day_type_sd / model.population_sd
    own, _ = modes(
        everybody,
        stages[:, :, None, None] + known[:, None],
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
    *,
    with_variance: bool,
) -> AnswerCurves:
    """Return what the user's own answers say, beyond everybody's and the user's activity.

    A discrete-time hazard: a send passes the latency stages one after the other, and each
    stage answers it with the probability sigmoid(stage + expected(h) + own(stage) + deviation(h)),
    so a prompt answer says more of its hour than a late one. own(stage) is how prompt the user is
    at any hour; the deviation is a Gaussian process on the circle of the day; together they are
    the maximum of the posterior (Newton). The level asks only whether a send was answered. Where
    latency tells nothing there is one stage: whether the send was answered at all.
    """
    rows = len(expected)
    level, deviation = np.zeros(rows), np.zeros((rows, 1, HALF_HOURS))
    variance = np.full((rows if with_variance else 0, 1, HALF_HOURS), model.deviation_sd**2)
    sent_to = np.flatnonzero(total(user.sends)[:, 0, 0] > 0)
    waves, prior_variance = waves_of_the_day(
        model.deviation_sd, model.deviation_length_hours, rough=_ROUGH_SHARE
    )
    if len(sent_to):
        evidence = user.rows(sent_to)
        own, own_variance = modes(
            evidence,
            expected[sent_to, None] + stage[sent_to, :, None, None],
            waves[None],
            prior_variance,
            stage_sd=model.level_sd,
            with_variance=with_variance,
        )
        if with_variance:
            variance[sent_to] = own_variance
        deviation[sent_to, 0] = own @ waves.T
        known = base[sent_to, None, None] + expected[sent_to] + deviation[sent_to]
        level[sent_to] = levels(evidence, known, model.level_sd**-2.0)
    return AnswerCurves(level, deviation, variance, _near(model, user))


def _near(model: LevelShape, evidence: Evidence) -> NDArray[np.float64]:
    """Count the sends near each half hour; one at the very half hour counts 1."""
    kernel = circular.gaussian(model.send_bandwidth_hours)
    near: NDArray[np.float64] = evidence.sends.sum(axis=-2) @ (kernel / kernel.max())
    return near[:, None]


def _at_middles(starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a curve that holds at half hours' starts into one that holds at their middles."""
    return (starts + np.roll(starts, -1, axis=-1)) / 2.0
