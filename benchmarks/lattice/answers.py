"""What comes back of a send, and with which probability it does."""

from __future__ import annotations

import numpy as np

from lattice.arrays import DAY, HOUR, HOURS, Numbers, Vector
from lattice.cohort import Cohort
from lattice.habit import bump, mean_bump
from lattice.local_time import date_of, hour_of
from lattice.sends import Sends
from lattice.world import Mechanism, Segment

_SEGMENT_WIDTH = 3.0  # hours
_TYPICAL_DELAY = 480.0  # seconds, the mean of an exponential
_TYPICAL_LATENESS = 5400.0
_READINESS_NODES = 15  # of a Gauss-Hermite quadrature
_GLANCE_DAYS = 3  # who has not looked by then never opens


def probability(
    cohort: Cohort, user: Numbers, at: Vector, message_type: Numbers, readiness: Vector
) -> Vector:
    """Return the planted probability that a person answers a send at `at` within the window."""
    world, local = cohort.world, cohort.local(user, at)
    rate = cohort.activity(user, local, world.window.total_seconds() / HOUR)
    if world.answers.mechanism is Mechanism.PRESENCE:
        return -np.expm1(-cohort.sessions_a_day[user] * rate)
    willing = _log_odds(cohort, user, local, message_type) + readiness
    if world.answers.mechanism is Mechanism.GLANCES:
        return _sigmoid(willing) * -np.expm1(-world.answers.glances * rate)
    return _sigmoid(willing + world.habits.amplitude * cohort.closeness(user, local))


def expected_probability(
    cohort: Cohort, user: Numbers, at: Vector, message_type: Numbers
) -> Vector:
    """Return `probability` in the mean over days, whose readiness nobody knows beforehand."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_READINESS_NODES)
    spread = cohort.world.answers.readiness_sd
    mean = np.zeros(len(user))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        readiness = np.full(len(user), spread * node)
        mean += weight * probability(cohort, user, at, message_type, readiness)
    return mean


def draw(cohort: Cohort, sends: Sends, rng: np.random.Generator) -> Vector:
    """Return when a person opens each send; infinite = never."""
    if cohort.world.answers.mechanism is Mechanism.GLANCES:
        opened = _at_next_glance(cohort, sends, rng)
    else:
        opened = _within_window(cohort, sends, rng)
    there = cohort.present(sends.user, cohort.day(sends.at))
    return np.where(there & (opened < cohort.world.end.timestamp()), opened, np.inf)


def _within_window(cohort: Cohort, sends: Sends, rng: np.random.Generator) -> Vector:
    window = cohort.world.window.total_seconds()
    p = probability(cohort, sends.user, sends.at, sends.message_type, sends.readiness)
    answered = rng.random(len(sends)) < p
    late = ~answered & (rng.random(len(sends)) < cohort.world.answers.late)
    soon = -_TYPICAL_DELAY * np.log1p(
        -rng.random(len(sends)) * -np.expm1(-window / _TYPICAL_DELAY)
    )  # an exponential that ends with the window
    delay = np.where(answered, soon, np.inf)
    delay[late] = window + rng.exponential(_TYPICAL_LATENESS, int(late.sum()))
    return sends.at + delay


def _at_next_glance(cohort: Cohort, sends: Sends, rng: np.random.Generator) -> Vector:
    """Walk from day to day until the Poisson process of glances has its next point."""
    shape, user = cohort.shape, sends.user
    local = cohort.local(user, sends.at)
    willing = rng.random(len(sends)) < _sigmoid(
        _log_odds(cohort, user, local, sends.message_type) + sends.readiness
    )
    opened, left = np.full(len(sends), np.inf), rng.exponential(1.0, len(sends))
    left /= cohort.world.answers.glances
    rows, date, hour = np.flatnonzero(willing), date_of(local), hour_of(local)
    for _ in range(_GLANCE_DAYS):
        peak = cohort.peak_on(user[rows], date[rows])
        reached = shape.active_until(hour[rows] - peak) + left[rows]
        midnight = shape.active_until(HOURS - peak)
        today = reached < midnight
        glance = date[rows] * DAY + (shape.active_at(reached) + peak) * HOUR
        looking = rows[today]
        opened[looking] = cohort.instant(user[looking], glance[today])
        left[rows] = reached - midnight
        rows = rows[~today]
        date[rows] += 1
        hour[rows] = 0.0
    later: Vector = np.maximum(opened, sends.at)  # where clocks were set in between
    return later


def _log_odds(cohort: Cohort, user: Numbers, local: Vector, message_type: Numbers) -> Vector:
    """Return the log odds of user, platform and message type, without the user's own peak."""
    world, hour = cohort.world, hour_of(local)
    odds = cohort.level[user]
    odds = odds + _of_segment(world.habits.platforms, cohort.platform[user], hour)
    if world.sender is not None:
        odds = odds + _of_segment(world.sender.message_types, message_type, hour)
    return odds


def _of_segment(segments: tuple[Segment, ...], number: Numbers, hour: Vector) -> Vector:
    odds = np.zeros(len(hour))
    for index, segment in enumerate(segments):
        shape = bump(hour - segment.hour, _SEGMENT_WIDTH) - mean_bump(_SEGMENT_WIDTH)
        odds += (number == index) * (segment.level + segment.height * shape)
    return odds


def _sigmoid(log_odds: Vector) -> Vector:
    share: Vector = 1.0 / (1.0 + np.exp(-log_odds))
    return share
