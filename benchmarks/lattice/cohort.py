"""Users as drawn: their zone, their level, and where their peak is at any time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lattice.arrays import DAY, HOURS, Flags, Numbers, Vector
from lattice.habit import DayShape
from lattice.local_time import Clocks, date_of, hour_of, week_of, weekend
from lattice.world import World

_MOVED_AFTER = 0.8  # of the time
_CHANGED_BEFORE_END = 14  # days
_TURN = 8.0  # hours between early, late and night shift, and of a changed habit
_NEWCOMER_DAYS, _LEAVE_WITHIN = 3, 0.6


@dataclass(frozen=True)
class Cohort:
    """Some users of a world; `user` is always a position in these arrays."""

    world: World
    clocks: Clocks
    shape: DayShape
    first: int  # the number of the first user in the tenant
    level: Vector
    peak: Vector  # local hour
    turn: Numbers  # of the rotating shifts
    changes: Flags
    zone: Numbers
    later_zone: Numbers
    platform: Numbers
    joined: Vector  # in days since `begin`
    left: Vector  # in days since `begin`; infinite = still there
    sessions_a_day: Vector

    def __len__(self) -> int:
        return len(self.level)

    def zone_at(self, user: Numbers, at: Vector) -> Numbers:
        moved = at >= self.world.begin.timestamp() + _MOVED_AFTER * self.world.days * DAY
        return np.where(moved, self.later_zone[user], self.zone[user])

    def local(self, user: Numbers, at: Vector) -> Vector:
        return self.clocks.local(self.zone_at(user, at), at)

    def instant(self, user: Numbers, local: Vector) -> Vector:
        """Return when the user's clock shows `local`."""
        return self.clocks.instant(self.zone_at(user, local), local)

    def peak_on(self, user: Numbers, date: Numbers) -> Vector:
        """Return the local hour of the user's peak on `date`."""
        habits = self.world.habits
        peak = self.peak[user]
        if habits.weekend_shift:
            peak = peak + habits.weekend_shift * weekend(date)
        if habits.rotating:
            peak = peak + _TURN * ((week_of(date) + self.turn[user]) % 3)
        if habits.changing:
            changed = date >= self.world.end.timestamp() // DAY - _CHANGED_BEFORE_END
            peak = peak + _TURN * (self.changes[user] & changed)
        return peak % HOURS

    def closeness(self, user: Numbers, local: Vector) -> Vector:
        """Return how close to the user's peak `local` is, less the day's mean."""
        return self.shape.closeness(hour_of(local) - self.peak_on(user, date_of(local)))

    def activity(self, user: Numbers, local: Vector, hours: float) -> Vector:
        """Return the share of a day's activity that falls into the `hours` from `local` on.

        `hours` is at most 24; beyond midnight the next day's peak counts.
        """
        date, begin = date_of(local), hour_of(local)
        peak, next_peak = self.peak_on(user, date), self.peak_on(user, date + 1)
        until = self.shape.active_until
        today = until(np.minimum(begin + hours, HOURS) - peak) - until(begin - peak)
        over = np.maximum(begin + hours - HOURS, 0.0)
        return today + until(over - next_peak) - until(-next_peak)

    def day(self, at: Vector) -> Vector:
        """Return the days since the world's begin."""
        return (at - self.world.begin.timestamp()) / DAY

    def present(self, user: Numbers, day: Vector) -> Flags:
        """Say whether the user belonged to the tenant, `day` days after the world's begin."""
        there: Flags = (day >= self.joined[user]) & (day < self.left[user])
        return there


def draw(
    world: World,
    clocks: Clocks,
    shape: DayShape,
    rng: np.random.Generator,
    *,
    first: int,
    count: int,
) -> Cohort:
    """Draw `count` users."""
    habits, days = world.habits, float(world.days)
    peak = np.where(
        rng.random(count) < habits.evening,
        rng.normal(19.0, 1.0, count),
        rng.uniform(7.0, 23.0, count),
    )
    peak = np.where(rng.random(count) < habits.night, rng.uniform(0.0, 5.0, count), peak)
    zone = rng.integers(0, len(world.zones), count)
    moves = rng.random(count) < habits.moving
    joins_late = rng.random(count) < habits.newcomers
    leaves = rng.random(count) < habits.leaving
    return Cohort(
        world=world,
        clocks=clocks,
        shape=shape,
        first=first,
        level=rng.normal(habits.level, habits.level_sd, count),
        peak=peak % HOURS,
        turn=rng.integers(0, 3, count),
        changes=rng.random(count) < habits.changing,
        zone=zone,
        later_zone=np.where(moves, (zone + 1) % len(world.zones), zone),
        platform=rng.integers(0, max(1, len(habits.platforms)), count),
        joined=np.where(joins_late, rng.uniform(days - _NEWCOMER_DAYS, days, count), 0.0),
        left=np.where(leaves, rng.uniform(0.0, _LEAVE_WITHIN * days, count), np.inf),
        sessions_a_day=world.sessions.a_day * rng.lognormal(0.0, world.sessions.uneven, count),
    )
