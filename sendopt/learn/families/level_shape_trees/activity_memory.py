"""Chooses how fast what is known of activity is forgotten, by the hours of later sessions.

Log loss of answers would be the wrong judge: how often a user answers dominates it and asks for a
short memory, which blurs the hour. The likelihood of the hour alone asks the right question.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from sendopt.features import (
    AsOfView,
    Viewpoints,
    instant,
    known_users,
    microseconds,
    session_moments,
    viewpoints,
)
from sendopt.learn.level_shape import activity_prior
from sendopt.learn.level_shape.activity_prior import ActivityPrior
from sendopt.learn.level_shape.beliefs import LevelShape

_HALF_LIVES_DAYS = (14.0, 42.0, 120.0, 240.0, 1000.0)
_SHORTEST, _LONGEST = timedelta(days=1), timedelta(days=56)
_MOST_SESSIONS = 20_000
_FEWEST_SESSIONS = 500
_MOST_TEACHERS = 2_000  # users from whom it is learned how users' hours differ
_MOST_TRIAL_TEACHERS = 400  # the same while the memory is chosen

_HALF_HOUR_US = 1_800_000_000


def learn_activity(
    view: AsOfView,
    shape: LevelShape,
    *,
    until: datetime,
    rng: np.random.Generator,
) -> tuple[LevelShape, ActivityPrior, bool]:
    """Return `shape` with the best memory, how users' hours differ, and if there was a choice.

    The best memory is that under which the last sessions before `until` were likeliest: the last
    fifth of the log's time is held out, at most eight weeks, and densities are those known at its
    start. A log that has been silent since teaches from before its silence. With too few sessions
    there is no choice, and `shape` keeps its memory. How users' hours differ is as of `until`.
    """
    users = known_users(view.reader, until=until)
    teachers = users.take(pa.array(rng.permutation(len(users))[:_MOST_TEACHERS]))
    memory = _memory(view, shape, teachers, until)
    if memory is not None:
        shape = replace(shape, half_life_days=memory)
    return shape, _learned(view, teachers, shape, until), memory is not None


def _memory(
    view: AsOfView,
    shape: LevelShape,
    teachers: pa.Array,
    until: datetime,
) -> float | None:
    known_us = view.observations["known_us"].to_numpy()
    known_us = known_us[known_us <= microseconds(until)]
    if len(known_us) == 0:
        return None
    first, newest = instant(int(known_us.min())), instant(int(known_us.max()))
    since = newest - min(max((newest - first) / 5, _SHORTEST), _LONGEST)
    held_out = session_moments(view.reader, since=since, until=until, limit=_MOST_SESSIONS)
    if len(held_out) < _FEWEST_SESSIONS:
        return None
    users, number = viewpoints(held_out.user_id, held_out.as_of)
    moments = view.moments(users, number, held_out.at)
    cell = np.floor(moments.half_hours).astype(np.intp)
    # Sessions of one half hour are one presence, here as in the evidence.
    presence = np.unique(number * 2**40 + held_out.at_us // _HALF_HOUR_US, return_index=True)[1]
    likelihood = {}
    for half_life in _HALF_LIVES_DAYS:
        tried = replace(shape, half_life_days=half_life)
        some = teachers.slice(0, _MOST_TRIAL_TEACHERS)
        prior = _learned(view, some, tried, since)
        user = view.user_evidence(users, half_life=tried.half_life)
        density = activity_prior.densities(prior, user.sessions)[number, moments.day_type, cell]
        likelihood[half_life] = float(np.log(density[presence]).mean())
    return max(likelihood, key=lambda half_life: likelihood[half_life])


def _learned(
    view: AsOfView,
    teachers: pa.Array,
    shape: LevelShape,
    as_of: datetime,
) -> ActivityPrior:
    instants = pa.array([as_of] * len(teachers), pa.timestamp("us", tz="UTC"))
    user = view.user_evidence(Viewpoints(teachers, instants), half_life=shape.half_life)
    return activity_prior.learn(user.sessions)
