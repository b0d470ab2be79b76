"""When users are there, as told by answers that came after the open window.

A log rate over the local day, everybody's and the user's own, under which late answers come as
events of a Poisson process while their sends wait (`features/as_of/late_answers`). Many senders
have no sessions: then this is how users show when they look at their phones, at whatever hour they
were sent to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features import DAY_TYPES, HALF_HOURS, LateEvidence, answers_by_age
from sendopt.learn.level_shape.hazard import by_day_type, solve, waves_of_the_day
from sendopt.learn.numerics import circular

Floats = NDArray[np.float64]

#: Of everybody: with fewer, their ages tell no hazard.
FEWEST_LATE_ANSWERS = 30

_SD = 1.0  # of a log rate about everybody's, and of everybody's about an even day
_OWN_LENGTH_HOURS, _EVERYBODYS_LENGTH_HOURS = 1.5, 2.0
_WEEKEND_SHARE = 0.3  # of the sd: how far weekends differ from weekdays
_LEAST_VARIANCE = 0.005  # of a wave, as a share of the largest: others change nothing but time
_PRIOR_ANSWERS = 20.0  # spread over all ages, that a hazard begins with


@dataclass(frozen=True)
class LateHours:
    """Log odds of being there within the window from each half hour's start on, about a mean."""

    population: Floats  # (population rows, DAY_TYPES, HALF_HOURS), about the mean of the day
    own: Floats  # (rows, DAY_TYPES, HALF_HOURS), about everybody's
    variance: Floats  # of `own`, of the same shape
    evidence: Floats  # late answers of each viewpoint's user, decayed, (rows,)


def hazard_by_age(late_answers: pa.Table, *, until_us: int) -> Floats | None:
    """Return how often a send that will be answered late is answered, by its age in half hours.

    A life table, (LATE_AGES,); None where too few late answers came before `until_us`.
    """
    answered, waited = answers_by_age(late_answers, until_us=until_us)
    if answered.sum() < FEWEST_LATE_ANSWERS:
        return None
    mean = answered.sum() / waited.sum()
    each = _PRIOR_ANSWERS / len(answered)
    hazard: Floats = (answered + each) / (waited + each / mean)
    return hazard


def late_hours(
    user: LateEvidence,
    everybody: LateEvidence,
    population_row: NDArray[np.intp],
    *,
    open_window: timedelta,
    with_variance: bool = True,
) -> LateHours:
    """Return the posterior curves of every viewpoint.

    Args:
        user: one row a viewpoint.
        everybody: one row a day.
        population_row: the row of `everybody` of each viewpoint.
        open_window: within which one who is there would answer.
        with_variance: False leaves `variance` without rows.
    """
    hours = open_window / timedelta(hours=1)
    nothing = np.zeros_like(everybody.answers)
    of_all, _ = _log_rates(everybody, nothing, _EVERYBODYS_LENGTH_HOURS, with_variance=False)
    own, variance = _log_rates(
        user, of_all[population_row], _OWN_LENGTH_HOURS, with_variance=with_variance
    )
    ahead_of_all = circular.ahead(np.exp(of_all), hours)
    ahead = circular.ahead(np.exp(of_all[population_row] + own), hours)
    return LateHours(
        population=np.log(ahead_of_all / ahead_of_all.mean(axis=-1, keepdims=True)),
        own=np.log(ahead / ahead_of_all[population_row]),
        variance=variance,
        evidence=user.answers.sum(axis=(1, 2)),
    )


def _log_rates(
    evidence: LateEvidence, offset: Floats, length_hours: float, *, with_variance: bool
) -> tuple[Floats, Floats]:
    """Return every row's log rate about `offset`, its own mean left out, and its variance."""
    rows = len(evidence.answers)
    waves, variance = waves_of_the_day(_SD, length_hours)
    flat = by_day_type(waves).reshape(DAY_TYPES * HALF_HOURS, -1)
    variance = np.concatenate([variance, variance * _WEEKEND_SHARE**2])
    large = variance >= _LEAST_VARIANCE * variance.max()
    flat, variance = np.ascontiguousarray(flat[:, large]), variance[large]
    rate = np.zeros((rows, DAY_TYPES * HALF_HOURS))
    spread = np.tile(flat**2 @ variance, (rows if with_variance else 0, 1))
    answering = np.flatnonzero(evidence.answers.any(axis=(1, 2)))
    if len(answering):
        cells = (len(answering), 1, DAY_TYPES * HALF_HOURS)
        own, own_spread = solve(
            evidence.expected[answering].reshape(cells),
            evidence.answers[answering].reshape(cells),
            offset[answering].reshape(cells),
            flat,
            1.0 / np.concatenate([[_SD**2], variance]),
            poisson=True,
            with_variance=with_variance,
        )
        if with_variance:
            spread[answering] = own_spread
        rate[answering] = own[:, 1:] @ flat.T
    shape = (-1, DAY_TYPES, HALF_HOURS)
    return rate.reshape(shape), spread.reshape(shape)
