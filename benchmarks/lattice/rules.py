"""The simple rules that a choice of hours has to hold against, from what the log shows.

All of them know whole hours of the clock that the log gives: the user's zone, or UTC without one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lattice.arrays import HOURS, Numbers, Vector
from lattice.cohort import Cohort
from lattice.local_time import hour_of
from lattice.recording import Recorded

_KERNEL_SD = 1.0  # hours
_RATE_SENDS = 20.0  # by which everybody's hours and users' levels are pulled to the mean
_ANSWER_SENDS = 10.0  # by which a user's hours are pulled to everybody's
_SESSIONS = 30.0  # by which a user's activity is pulled to everybody's
_FEW_ANSWERS = 50  # with fewer, everybody's hours are those of activity
_FEW_HOURS = 6  # with fewer hours sent to, activity has a say in everybody's hours


@dataclass
class Counts:
    """What happened in each local hour, of every user of a tenant: shape (users, 24)."""

    sends: Vector
    answers: Vector  # sends of that hour that were answered within the window
    opens: Vector  # by the hour of the open, however late
    sessions: Vector

    @classmethod
    def nothing(cls, users: int) -> Counts:
        return cls(*np.zeros((4, users, HOURS)))

    def add(self, cohort: Cohort, recorded: Recorded, *, until: float = np.inf) -> None:
        """Count what was recorded of a cohort before `until`; what stands twice counts once."""
        sends = recorded.sends
        answered = recorded.answered(cohort.world.window.total_seconds())
        for into, user, at in (
            (self.sends, sends.user, sends.at),
            (self.answers, sends.user[answered], sends.at[answered]),
            (self.opens, recorded.open_user, recorded.open_at),
            (self.sessions, recorded.session_user, recorded.session_at),
        ):
            early = at < until
            cell = user[early] * HOURS + clock_hour(cohort, user[early], at[early])
            cells = np.bincount(cell, minlength=len(cohort) * HOURS).reshape(-1, HOURS)
            into[cohort.first : cohort.first + len(cohort)] += cells


def clock_hour(cohort: Cohort, user: Numbers, at: Vector) -> Numbers:
    """Return the hour of the day on the clock that the log knows."""
    known = cohort.local(user, at) if cohort.world.recording.zones else at
    return hour_of(known).astype(np.int64)


POPULATION, FREQUENT, EB = "population", "frequent", "eb"


def by_hour(counts: Counts, users: Numbers) -> dict[str, Vector]:
    """Return what each rule says of the 24 hours of each of `users`."""
    return {
        POPULATION: np.tile(population(counts), (len(users), 1)),
        FREQUENT: most_frequent(counts, users),
        EB: empirical_bayes(counts, users),
    }


def population(counts: Counts) -> Vector:
    """Return everybody's answer rate by hour, or activity where answers are few."""
    kernel, sent = _kernel(), counts.sends.sum(axis=0)
    answered, active = counts.answers.sum(axis=0), counts.sessions.sum(axis=0)
    activity: Vector = (active @ kernel + 1.0) / (active.sum() + HOURS)
    if answered.sum() < _FEW_ANSWERS:
        return activity
    base = _base_rate(counts)
    rate: Vector = (answered @ kernel + _RATE_SENDS * base) / (sent @ kernel + _RATE_SENDS)
    if (sent > 0).sum() < _FEW_HOURS and active.sum():
        rate *= np.sqrt(activity / activity.mean())
    return rate


def most_frequent(counts: Counts, users: Numbers) -> Vector:
    """Return how often each user was seen in each hour; everybody's hours decide ties."""
    everybody = population(counts)
    count = counts.opens[users] + counts.sessions[users]
    score: Vector = count + 1e-6 * everybody / everybody.max()
    return score


def empirical_bayes(counts: Counts, users: Numbers) -> Vector:
    """Return Beta counts under a circular kernel, and activity, in logarithms without the level."""
    kernel, everybody = _kernel(), population(counts)
    score = np.zeros((len(users), HOURS))
    if counts.answers.sum() >= _FEW_ANSWERS:
        sends, answers = counts.sends[users], counts.answers[users]
        level = (answers.sum(axis=1) + _RATE_SENDS * _base_rate(counts)) / (
            sends.sum(axis=1) + _RATE_SENDS
        )
        prior = everybody / everybody.mean() * level[:, np.newaxis]
        score += _log_shape(
            (answers @ kernel + _ANSWER_SENDS * prior) / (sends @ kernel + _ANSWER_SENDS)
        )
    if counts.sessions.sum():
        active = counts.sessions.sum(axis=0) + 1.0
        pull = _SESSIONS * active / active.sum() * kernel[0].sum()
        score += _log_shape(counts.sessions[users] @ kernel + pull)
    return score


def _base_rate(counts: Counts) -> float:
    return float((counts.answers.sum() + 1.0) / (counts.sends.sum() + 2.0))


def _log_shape(rate: Vector) -> Vector:
    shape: Vector = np.log(rate / rate.mean(axis=1, keepdims=True))
    return shape


def _kernel() -> Vector:
    hour = np.arange(HOURS)
    away = np.abs(hour[:, np.newaxis] - hour)
    kernel: Vector = np.exp(-0.5 * (np.minimum(away, HOURS - away) / _KERNEL_SD) ** 2)
    return kernel
