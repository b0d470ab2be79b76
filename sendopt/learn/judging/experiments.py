"""The natural experiments in a log: days on which a user was sent to more than once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.features import LabelledMoments
from sendopt.learn.past.groups import day_groups, user_numbers

_HOUR_US = 3_600_000_000
_APART_US = _HOUR_US  # times closer than this are one time, sent twice


@dataclass(frozen=True)
class NaturalExperiments:
    """How far the judged sends let times be compared; on one day, and between days."""

    user_days: int
    choices: int  # user-days with several sends: choose one of k
    times_per_choice: float | None  # mean k; None = there is no choice
    hours_apart: float | None  # median, from the first to the last time of a choice
    apart: int  # choices whose times are at least an hour apart
    users: int
    users_at_one_hour: int  # always sent to at the same local hour
    label: str = "observed"

    @property
    def varied(self) -> bool:
        """Whether hours really varied within a day: without that, nothing is compared."""
        return self.apart > 0


def natural_experiments(past: LabelledMoments) -> NaturalExperiments:
    """Count the choices that `past`, sends with a known outcome, holds."""
    day, user = day_groups(past), user_numbers(past)
    size = np.bincount(day)
    several = size >= 2
    apart_us = _spread(day, past.at_us)[several]
    hours = np.bincount(np.unique(user * 24 + past.local_hour) // 24)
    return NaturalExperiments(
        user_days=len(size),
        choices=int(several.sum()),
        times_per_choice=float(size[several].mean()) if several.any() else None,
        hours_apart=float(np.median(apart_us)) / _HOUR_US if several.any() else None,
        apart=int((apart_us >= _APART_US).sum()),
        users=int((hours > 0).sum()),
        users_at_one_hour=int((hours == 1).sum()),
    )


def _spread(group: NDArray[np.intp], at: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.lexsort((at, group))
    first = np.flatnonzero(np.r_[True, np.diff(group[order]) > 0]) if len(group) else order
    last = np.r_[first[1:], len(group)] - 1 if len(group) else order
    apart: NDArray[np.int64] = at[order][last] - at[order][first]
    return apart
