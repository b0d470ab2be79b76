"""What other rules would have chosen on the same days, and what they would have earned.

Both rules see exactly what the model sees: the tenant's log before the day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

import numpy as np
import pandas as pd

from sendopt.demo.studies import OPEN_WINDOW, HeldDay
from sendopt.log import Reader
from sendopt.records import TenantId, UserId

BOOTSTRAP_ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Choices:
    """The time that each rule picks for each user of one day."""

    population_best: dict[UserId, datetime]
    most_frequent: dict[UserId, datetime]


@dataclass(frozen=True, slots=True)
class Difference:
    """Ours minus another rule, in open rate, with a 95 % interval clustered by user."""

    mean: float
    low: float
    high: float


def other_choices(reader: Reader, day: HeldDay) -> Choices:
    """Choose for every user of `day` among the day's real push times."""
    hours = reader.query(
        "answers_by_hour",
        (files("sendopt.demo") / "sql" / "answers_by_hour.sql").read_text(),
        {"as_of": day.starts_at, "open_window": OPEN_WINDOW},
    ).to_pandas()
    population = hours.groupby("hour")[["sends", "opens"]].sum()
    rate: dict[int, float] = (population.opens / population.sends).to_dict()
    habit: dict[tuple[str, int], int] = hours.set_index(["user_id", "hour"]).opens.to_dict()

    def by_population(_user: UserId, at: datetime) -> tuple[float, ...]:
        return (rate.get(at.hour, 0.0),)

    def by_habit(user: UserId, at: datetime) -> tuple[float, ...]:
        # Users without a habit yet, or with two, follow the population.
        return (habit.get((user, at.hour), 0), rate.get(at.hour, 0.0))

    return Choices(_best(day, by_population), _best(day, by_habit))


def difference(choices: Mapping[TenantId, pd.DataFrame], rule: str) -> Difference:
    """Compare open rates of `ours` and `rule`, given a row per user-day for each tenant.

    Users are resampled with replacement within their tenant and bring all their days: days of one
    user are not independent of each other.
    """
    rng = np.random.default_rng(0)
    resampled_sum = np.zeros(BOOTSTRAP_ROUNDS)
    resampled_days = np.zeros(BOOTSTRAP_ROUNDS)
    gain, days = 0.0, 0
    for of_tenant in choices.values():
        by_user = (of_tenant["ours"] - of_tenant[rule]).groupby(of_tenant["user_id"])
        gains, sizes = by_user.sum().to_numpy(), by_user.size().to_numpy()
        draws = rng.integers(0, len(gains), (BOOTSTRAP_ROUNDS, len(gains)))
        resampled_sum += gains[draws].sum(axis=1)
        resampled_days += sizes[draws].sum(axis=1)
        gain += gains.sum()
        days += sizes.sum()
    low, high = np.percentile(resampled_sum / resampled_days, [2.5, 97.5])
    return Difference(float(gain / days), float(low), float(high))


def _best(
    day: HeldDay, value: Callable[[UserId, datetime], tuple[float, ...]]
) -> dict[UserId, datetime]:
    """Pick the most valued time of each user; ties go to the earliest."""
    return {
        user: max(sorted(times), key=lambda at, user=user: value(user, at))  # type: ignore[misc]
        for user, times in day.answers.items()
    }
