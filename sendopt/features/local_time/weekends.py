"""Which days of the week are the weekend where a user lives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sendopt.features.local_time.zones import DAY_US, day_of_week

_EPOCH = date(1970, 1, 1)

_THURSDAY_FRIDAY = (3, 4)
_FRIDAY = (4,)
_FRIDAY_SATURDAY = (4, 5)
_FRIDAY_SUNDAY = (4, 6)
_SATURDAY_SUNDAY = (5, 6)

#: Where it is not Saturday and Sunday: by zone, what it is now.
_ELSEWHERE = {
    "Africa/Algiers": _FRIDAY_SATURDAY,
    "Africa/Cairo": _FRIDAY_SATURDAY,
    "Africa/Djibouti": _FRIDAY_SATURDAY,
    "Africa/Khartoum": _FRIDAY_SATURDAY,
    "Africa/Tripoli": _FRIDAY_SATURDAY,
    "Asia/Aden": _FRIDAY_SATURDAY,
    "Asia/Amman": _FRIDAY_SATURDAY,
    "Asia/Baghdad": _FRIDAY_SATURDAY,
    "Asia/Bahrain": _FRIDAY_SATURDAY,
    "Asia/Brunei": _FRIDAY_SUNDAY,
    "Asia/Dacca": _FRIDAY_SATURDAY,
    "Asia/Damascus": _FRIDAY_SATURDAY,
    "Asia/Dhaka": _FRIDAY_SATURDAY,
    "Asia/Jerusalem": _FRIDAY_SATURDAY,
    "Asia/Kabul": _FRIDAY,
    "Asia/Kuwait": _FRIDAY_SATURDAY,
    "Asia/Muscat": _FRIDAY_SATURDAY,
    "Asia/Qatar": _FRIDAY_SATURDAY,
    "Asia/Riyadh": _FRIDAY_SATURDAY,
    "Asia/Tehran": _FRIDAY,
    "Asia/Tel_Aviv": _FRIDAY_SATURDAY,
    "Egypt": _FRIDAY_SATURDAY,
    "Indian/Maldives": _FRIDAY_SATURDAY,
    "Iran": _FRIDAY,
    "Israel": _FRIDAY_SATURDAY,
    "Libya": _FRIDAY_SATURDAY,
}
#: What it was before a day, since 2007, for logs that reach back.
_BEFORE = {
    "Africa/Algiers": (date(2009, 8, 14), _THURSDAY_FRIDAY),
    "Asia/Aden": (date(2013, 8, 15), _THURSDAY_FRIDAY),
    "Asia/Dubai": (date(2022, 1, 1), _FRIDAY_SATURDAY),
    "Asia/Kuwait": (date(2007, 9, 1), _THURSDAY_FRIDAY),
    "Asia/Muscat": (date(2013, 5, 1), _THURSDAY_FRIDAY),
    "Asia/Riyadh": (date(2013, 6, 29), _THURSDAY_FRIDAY),
}
_MOVED = sorted((day - _EPOCH).days for day, _ in _BEFORE.values())  # in days since 1970


def is_weekend(
    zones: Sequence[str], zone: NDArray[np.int16], local_us: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return whether local times, in microseconds since 1970, lie on weekends of their zones.

    Args:
        zones: names; one that is not known here has its weekend on Saturday and Sunday.
        zone: of each time, into `zones`.
        local_us: what the clock shows; a day is that of the clock.
    """
    return _by_period(tuple(zones))[zone, _period(local_us), day_of_week(local_us)]


def weekend_days(
    zones: Sequence[str], zone: NDArray[np.int16], at_us: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which days of the week are weekend in each zone as of each time: (rows, 7)."""
    return _by_period(tuple(zones))[zone, _period(at_us)]


def _period(us: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return how many times a weekend had moved somewhere."""
    return np.searchsorted(_MOVED, us // DAY_US, side="right")


@lru_cache(maxsize=64)
def _by_period(zones: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return the weekends of zones between the days on which some moved: (zones, periods, 7)."""
    weekend = np.zeros((len(zones), len(_MOVED) + 1, 7), bool)
    for number, name in enumerate(zones):
        weekend[number, :, list(_ELSEWHERE.get(name, _SATURDAY_SUNDAY))] = True
        if name in _BEFORE:
            moved, days = _BEFORE[name]
            earlier = _MOVED.index((moved - _EPOCH).days) + 1
            weekend[number, :earlier] = np.isin(np.arange(7), days)
    return weekend
