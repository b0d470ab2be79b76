"""When the sender sends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lattice.arrays import DAY, HOUR, Numbers, Vector
from lattice.cohort import Cohort
from lattice.world import Policy, Sender

_PREFERRED = 0.8  # share of sends in the later hours, where the policy prefers them
_FAVOURITE_HOUR = 19
_INFORMED = 2.0  # log odds an hour is preferred by, for one unit of closeness


@dataclass(frozen=True)
class Sends:
    """Sends of a cohort, by user and time."""

    user: Numbers
    at: Vector
    propensity: Vector
    message_type: Numbers
    readiness: Vector  # of the user on that day: log odds

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class _Days:
    """The user and the day (since the world's begin) of every send that is to be."""

    user: Numbers
    day: Numbers
    readiness: Vector


def draw(cohort: Cohort, sender: Sender, rng: np.random.Generator) -> Sends:
    """Draw every send of every user, each by the user's local clock."""
    world = cohort.world
    days = _days(cohort, sender, rng)
    hour, propensity = _hours(cohort, sender, days, rng)
    begin, user = world.begin.timestamp(), days.user
    at = cohort.instant(user, begin + days.day * DAY + (hour + rng.random(len(user))) * HOUR)
    order = np.lexsort((at, user))
    order = order[(at[order] >= begin) & (at[order] < world.end.timestamp())]
    kinds = rng.integers(0, max(1, len(sender.message_types)), len(user))
    return Sends(user[order], at[order], propensity[order], kinds[order], days.readiness[order])


def _days(cohort: Cohort, sender: Sender, rng: np.random.Generator) -> _Days:
    users, days = len(cohort), cohort.world.days
    if sender.a_week:
        weeks = -(-days // 7)
        rank = rng.random((users, weeks, 7)).argsort(axis=2).argsort(axis=2)
        sent = (rank < sender.a_week).reshape(users, weeks * 7)[:, :days].astype(np.int64)
    else:
        fewest, most = sender.a_day
        sent = rng.integers(fewest, most + 1, (users, days))
    user, day = np.nonzero(sent)
    often = sent[user, day] * (day >= cohort.joined[user])  # who has left is still sent to
    user, day = np.repeat(user, often), np.repeat(day, often)
    readiness = cohort.world.answers.readiness_sd * rng.standard_normal((users, days))
    return _Days(user, day, readiness[user, day])


def _hours(
    cohort: Cohort, sender: Sender, days: _Days, rng: np.random.Generator
) -> tuple[Vector, Vector]:
    """Return the local hour of every send, and the probability with which it was chosen."""
    hours, count = np.array(sender.hours, np.float64), len(days.user)
    if sender.policy is Policy.UNIFORM:
        return hours[rng.integers(0, len(hours), count)], np.full(count, 1.0 / len(hours))
    weight = _weights(cohort, sender, hours, days)
    chance = weight / weight.sum(axis=1, keepdims=True)
    below = chance.cumsum(axis=1) < rng.random((count, 1))
    drawn = np.minimum(below.sum(axis=1), len(hours) - 1)
    return hours[drawn], chance[np.arange(count), drawn]


def _weights(cohort: Cohort, sender: Sender, hours: Vector, days: _Days) -> Vector:
    """Return how much each of the sender's hours is preferred, of every send."""
    if sender.policy is Policy.FAVOURITE:
        favourite = (1.0 - sender.epsilon) * (hours == _FAVOURITE_HOUR)
        return np.tile(favourite + sender.epsilon / len(hours), (len(days.user), 1))
    if sender.policy is Policy.INFORMED:
        midnight = cohort.world.begin.timestamp() + days.day[:, np.newaxis] * DAY
        local = (midnight + (hours + 0.5) * HOUR).ravel()
        close = cohort.closeness(np.repeat(days.user, len(hours)), local)
        informed: Vector = np.exp(_INFORMED * close.reshape(len(days.user), len(hours)))
        return informed
    prefers = (
        days.readiness > 0.0
        if sender.policy is Policy.READINESS
        else cohort.level[days.user] > cohort.world.habits.level
    )
    later = hours >= np.median(hours)
    share = np.where(prefers, _PREFERRED, 1.0 - _PREFERRED)[:, np.newaxis]
    weights: Vector = np.where(later, share / later.sum(), (1.0 - share) / (~later).sum())
    return weights
