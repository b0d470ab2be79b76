"""Chooses how fast the activity clocks forget, by the hours of later sessions.

Log loss of answers would be the wrong judge: how often a user answers dominates it and asks for a
short memory, which blurs the hour. The likelihood of the hour alone asks the right question.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import numpy as np
import pyarrow as pa

from sendopt.features import (
    instant,
    moments,
    population_evidence,
    session_moments,
    user_evidence,
    viewpoints,
)
from sendopt.learn.level_shape import LevelShape, activity_clock, population_clock
from sendopt.log import Reader

_HALF_LIVES_DAYS = (14.0, 42.0, 120.0, 365.0)
_BANDWIDTHS_HOURS = (0.75, 1.0, 1.5)
_ACTIVITY_PRIORS = (10.0, 30.0)
_DAY_TYPE_PRIORS = (10.0, 20.0, 50.0)
_SHORTEST, _LONGEST = timedelta(days=1), timedelta(days=56)
_MOST_SESSIONS = 20_000
_FEWEST_SESSIONS = 500


def choose_clock(
    reader: Reader, observations: pa.Table, prior: LevelShape, *, until: datetime
) -> LevelShape:
    """Return `prior` with the memory under which the last sessions before `until` were likeliest.

    The last fifth of the log's time is held out, at most eight weeks, and the clocks are those
    known at its start. With too few sessions nothing is chosen.
    """
    known_us = observations["known_us"].to_numpy()
    if len(known_us) == 0:
        return prior
    since = until - min(max((until - instant(int(known_us.min()))) / 5, _SHORTEST), _LONGEST)
    held_out = session_moments(reader, since=since, until=until, limit=_MOST_SESSIONS)
    if len(held_out) < _FEWEST_SESSIONS:
        return prior
    seen, number = viewpoints(held_out.user_id, held_out.as_of)
    asked = moments(reader, seen, number, held_out.at)
    cell = np.floor(asked.half_hours).astype(np.intp)
    best, best_likelihood = prior, -np.inf
    for half_life in _HALF_LIVES_DAYS:
        shape = replace(prior, half_life_days=half_life)
        user = user_evidence(reader, observations, seen, half_life=shape.half_life)
        everybody, row = population_evidence(reader, observations, seen, half_life=shape.half_life)
        for bandwidth, kappa, kappa_2 in product(
            _BANDWIDTHS_HOURS, _ACTIVITY_PRIORS, _DAY_TYPE_PRIORS
        ):
            tried = replace(
                shape,
                activity_bandwidth_hours=bandwidth,
                activity_prior=kappa,
                day_type_prior=kappa_2,
            )
            clock = activity_clock(tried, user.sessions, population_clock(tried, everybody)[row])
            likelihood = float(np.log(clock[number, asked.day_type, cell]).mean())
            if likelihood > best_likelihood:
                best, best_likelihood = tried, likelihood
    return best
