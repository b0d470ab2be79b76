"""Has the world moved? Distances between two times, and how far chance alone would go.

Two things make chance go further than independent rows would: what one user does hangs together,
and so does what happens on one day (a holiday, a push that everybody talks about). Both are units
of the same formulas, and the limits of both are added, as variances are: what lets a figure go
further under one is not known to the other. Every limit comes from the users and days at hand: a
fixed one, such as 0.2 for the PSI, fires nearly always on small samples and never on large ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, inf, sqrt

import numpy as np

from sendopt.evaluate.chance import (
    FEWEST_FOR_TEST,
    Group,
    Mean,
    Vector,
    ratio,
    t_beyond,
    z_beyond,
)
from sendopt.evaluate.psi import psi, psi_by_chance

#: Days of either time. With fewer, how far days differ is known too badly for any limit.
FEWEST_DAYS = 3

_DRAWS = 4_000


@dataclass(frozen=True)
class Counted:
    """What was counted of a time, in rows that each belong to one user and one day."""

    values: Vector  # (rows, columns)
    user: Group
    day: Group

    @property
    def by_user(self) -> Vector:
        """Sums of every user, (users, columns)."""
        return _sums(self.values, self.user)

    @property
    def by_day(self) -> Vector:
        """Sums of every day that has a row, (days, columns)."""
        return _sums(self.values, self.day)


@dataclass(frozen=True)
class Shift:
    """How far something moved."""

    value: float
    by_users: float  # how far chance goes by users; inf = too few to tell
    by_days: float  # how far it goes by days; inf = too few to tell
    by_chance: float  # both together: chance stays below it but for the stated share of times

    @property
    def beyond_chance(self) -> bool:
        """Whether it moved further than chance does."""
        return abs(self.value) > self.by_chance


def shape_shift(before: Counted, after: Counted, *, level: float) -> Shift:
    """Return how far a histogram, a column a bin, moved; chance passes it at `level`."""
    used = before.values.sum(axis=0) + after.values.sum(axis=0) > 0
    before, after = (Counted(each.values[:, used], each.user, each.day) for each in (before, after))
    users = _enough(before.by_user, after.by_user, FEWEST_FOR_TEST) or psi_by_chance(
        before.by_user, after.by_user, level=level
    )
    days = _enough(before.by_day, after.by_day, FEWEST_DAYS) or psi_by_chance(
        before.by_day, after.by_day, level=level
    )
    moved = psi(before.values.sum(axis=0), after.values.sum(axis=0))
    return Shift(moved, users, days, users + days)  # a PSI is a sum of squares


def ratio_shift(before: Counted, after: Counted, *, level: float, two_sided: bool) -> Shift:
    """Return how far the ratio of two sums moved.

    Args:
        before: columns value and weight.
        after: the same.
        level: the share of times at which chance goes beyond `by_chance`.
        two_sided: whether a smaller ratio is a shift too; else only a larger one counts.
    """
    level = level / 2.0 if two_sided else level
    users = _enough(before.by_user, after.by_user, FEWEST_FOR_TEST) or _ratio_by_chance(
        ratio(*before.by_user.T), ratio(*after.by_user.T), level
    )
    days = _enough(before.by_day, after.by_day, FEWEST_DAYS) or _ratio_by_chance(
        ratio(*before.by_day.T), ratio(*after.by_day.T), level
    )
    was, now = before.values.sum(axis=0), after.values.sum(axis=0)
    moved = float(now[0] / now[1] - was[0] / was[1])
    return Shift(moved if two_sided else max(moved, 0.0), users, days, hypot(users, days))


def calibration_shift(
    before: Counted,
    after: Counted,
    *,
    by_users: float,
    level: float,
    rng: np.random.Generator,
) -> Shift:
    """Return by how much an expected calibration error grew; 0 where it fell.

    Args:
        before: columns: the residuals of each bin, and last the weight; the same bins in both.
        after: the same.
        by_users: how large users let the error after get where every probability is right.
        level: the share of times at which chance goes beyond `by_chance`.
        rng: of what days might have been.
    """
    few_users = _enough(before.by_user, after.by_user, FEWEST_FOR_TEST)
    days = _enough(before.by_day, after.by_day, FEWEST_DAYS) or _error_by_days(
        after.by_day, level, rng
    )
    was, now = (calibration_error_of(each.values.sum(axis=0)) for each in (before, after))
    users = few_users or by_users
    return Shift(max(now - was, 0.0), users, days, hypot(users, days))


def calibration_error_of(sums: Vector) -> float:
    """Return the expected calibration error of residuals by bin and, last, the weight."""
    return float(np.abs(sums[:-1]).sum() / sums[-1])


def _enough(before: Vector, after: Vector, fewest: int) -> float:
    """Return 0 if both times hold so many units, else inf."""
    return 0.0 if min(len(before), len(after)) >= fewest else inf


def _ratio_by_chance(before: Mean, after: Mean, level: float) -> float:
    """Return how far units let a ratio move by chance, either way at `level` (Welch 1947)."""
    was, now = before.standard_error**2, after.standard_error**2
    if was + now == 0.0:
        return 0.0
    freedom = (was + now) ** 2 / (was**2 / before.freedom + now**2 / after.freedom)
    return t_beyond(level, freedom) * sqrt(was + now)


def _error_by_days(days: Vector, level: float, rng: np.random.Generator) -> float:
    """Return how large days let a calibration error get where every probability is right.

    A wild bootstrap of the days' residuals about their mean, widened by Student's t over the
    normal, because few days tell little of how far days differ.
    """
    count, weight = len(days), days[:, -1]
    mean = days[:, :-1].sum(axis=0) / weight.sum()
    residual = days[:, :-1] - np.outer(weight, mean)
    errors = np.abs(rng.standard_normal((_DRAWS, count)) @ residual).sum(axis=1) / weight.sum()
    wider = t_beyond(level, count - 1.0) / z_beyond(level) * sqrt(count / (count - 1.0))
    return float(np.quantile(errors, 1.0 - level)) * wider


def _sums(values: Vector, group: Group) -> Vector:
    """Return the sums of every group's rows, (groups, columns)."""
    names, number = np.unique(group, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, number, values)
    return sums
