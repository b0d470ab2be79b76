"""The shape of a day around its peak, the same for all users of a world."""

from __future__ import annotations

import numpy as np

from lattice.arrays import HOURS, Vector
from lattice.world import Habits

_SECOND_PEAK_AFTER, _SECOND_PEAK = 9.0, 0.9
_MINUTES = np.arange(HOURS * 60 + 1) / 60.0


def bump(offset: Vector, width: float) -> Vector:
    """Return exp(-½ (offset / width)²) on the circle of 24 hours."""
    away = np.abs((offset + 12.0) % HOURS - 12.0)
    shape: Vector = np.exp(-0.5 * (away / width) ** 2)
    return shape


def mean_bump(width: float) -> float:
    """Return the mean of `bump` over the day."""
    return float(bump(_MINUTES[:-1], width).mean())


class DayShape:
    """Closeness to the peak, and activity that follows it, by hours after the peak."""

    def __init__(self, habits: Habits) -> None:
        self._peaks, self._width = habits.peaks, habits.width
        closeness = self._raw(_MINUTES)
        self._mean = float(closeness[:-1].mean())
        weight = np.exp(habits.activity_gain * (closeness[:-1] + closeness[1:]) / 2.0)
        self._cumulative = np.r_[0.0, np.cumsum(weight) / weight.sum()]

    def closeness(self, offset: Vector) -> Vector:
        """Return 1 at the peak and 0 far from it, less the mean of the day."""
        return self._raw(offset) - self._mean

    def active_until(self, offset: Vector) -> Vector:
        """Return the share of a day's activity from the peak to `offset` hours after it.

        It goes on over the day: at 24 it is 1, at -24 it is -1.
        """
        days = np.floor(offset / HOURS)
        share: Vector = days + np.interp(offset - HOURS * days, _MINUTES, self._cumulative)
        return share

    def active_at(self, share: Vector) -> Vector:
        """Return the hours after the peak at which `active_until` reaches `share`."""
        days = np.floor(share)
        offset: Vector = HOURS * days + np.interp(share - days, self._cumulative, _MINUTES)
        return offset

    def _raw(self, offset: Vector) -> Vector:
        first = bump(offset, self._width)
        if self._peaks == 1:
            return first
        return np.maximum(first, _SECOND_PEAK * bump(offset - _SECOND_PEAK_AFTER, self._width))
