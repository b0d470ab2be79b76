"""Turns viewpoints and moments into the numbers that a model reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features import (
    HALF_HOURS,
    Evidence,
    Moments,
    Population,
    Target,
    Viewpoints,
    last_platforms,
    population_evidence,
    recency,
    user_evidence,
)
from sendopt.learn.level_shape.activity_prior import ClockPrior
from sendopt.learn.level_shape.curves import LevelShape, Parts, estimate
from sendopt.learn.level_shape.curves import parts as read_at
from sendopt.learn.level_shape.segments import Segments, added_at
from sendopt.log import Reader


@dataclass(frozen=True)
class Rows:
    """One row a moment, in the order in which the moments were asked."""

    base: NDArray[np.float64]  # everybody's logit
    level: NDArray[np.float64]
    busyness: NDArray[np.float64]
    parts: Parts
    message: NDArray[np.float64]  # what the kind of message adds to the logit; 0 if not said
    habit: NDArray[np.float64]  # how often the user was active or answered in this local hour
    user_features: NDArray[np.float64]  # (rows, USER_FEATURES)
    moment_features: NDArray[np.float64]  # (rows, MOMENT_FEATURES)

    def __len__(self) -> int:
        return len(self.base)


def describe(
    reader: Reader,
    observations: pa.Table,
    *,
    target: Target,
    shape: LevelShape,
    clocks: ClockPrior,
    platforms: Segments,
    message_types: Segments,
    reach: timedelta,
    seen: Viewpoints,
    asked: Moments,
    everybody: Population | None = None,
) -> Rows:
    """Describe the moments `asked` by what was known at their viewpoints.

    Everybody's evidence is `everybody`, which has to be of the day of every viewpoint; None = it is
    counted from the observations.
    """
    user = user_evidence(observations, seen, half_life=shape.half_life)
    if everybody is None:
        of_all, row_of_all = population_evidence(observations, seen, half_life=shape.half_life)
    else:
        of_all, row_of_all = everybody.evidence, np.zeros(len(seen), np.intp)
    curves = estimate(
        shape,
        clocks,
        user,
        of_all,
        row_of_all,
        platform=platforms.numbers(last_platforms(reader, seen)),
        platforms=platforms.curves,
        reach=reach,
    )
    parts = read_at(curves, asked)
    row = asked.viewpoint
    moment_features = np.column_stack(
        [
            asked.half_hours / 2.0,
            asked.day_of_week.astype(np.float64),
        ]
    )
    return Rows(
        base=curves.base[row],
        level=curves.level[row],
        busyness=curves.busyness[row],
        parts=parts,
        message=added_at(message_types, asked),
        habit=_habit(user, asked),
        user_features=recency(reader, seen, target)[row],
        moment_features=moment_features,
    )


def _habit(user: Evidence, asked: Moments) -> NDArray[np.float64]:
    half_hours = (user.sessions + user.opens).sum(axis=1)
    hours = half_hours.reshape(len(half_hours), HALF_HOURS // 2, 2).sum(axis=-1)
    habit: NDArray[np.float64] = hours[asked.viewpoint, asked.minute_of_day // 60]
    return habit
