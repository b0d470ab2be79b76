"""The time over which a log holds together, and the few events that lie far outside of it.

A device whose clock says 1970, 2000 or next year stamps events that stand alone. One of them moves
the first or the last instant of a log by decades, and with it whatever is divided by time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sendopt.features.queries import statement
from sendopt.features.target import instant, microseconds
from sendopt.log import Reader

_DAY_US = 86_400_000_000
#: A log may be silent for so long and still go on.
_LONGEST_SILENCE_DAYS = 60
#: What stands apart by more is left out if it is less of all events than this.
_LEAST_SHARE = 0.02
#: A day with less of a usual day's events than this is one on which only wrong clocks spoke.
_LEAST_DAY = 1e-4


@dataclass(frozen=True)
class Body:
    """Where a log begins and ends, and what was left out because it lies far from there."""

    begin: datetime  # of the first UTC day
    end: datetime  # just after the newest event
    before: int = 0  # events long before
    oldest: datetime | None = None  # the UTC day of the oldest of them
    after: int = 0  # events long after
    newest: datetime | None = None  # the newest of them


@contextmanager
def body_of(reader: Reader, *, until: datetime) -> Iterator[tuple[Reader, Body | None]]:
    """Open a reader of the body of the log before `until`, and tell it; None = nothing is there."""
    params = {"until_us": microseconds(until)}
    counted = reader.query("daily_counts", statement("daily_counts"), params)
    day, events = counted["day"].to_numpy(), counted["events"].to_numpy()
    if not len(day):
        yield reader, None
        return
    first, last = extent(day, events)
    newest_us = counted["newest_us"].to_numpy()
    found = Body(
        begin=instant(int(day[first]) * _DAY_US),
        end=instant(int(newest_us[last]) + 1),
        before=int(events[:first].sum()),
        oldest=instant(int(day[0]) * _DAY_US) if first else None,
        after=int(events[last + 1 :].sum()),
        newest=instant(int(newest_us[-1])) if last + 1 < len(day) else None,
    )
    if not found.before and not found.after:
        yield reader, found
        return
    with reader.within(found.begin, found.end) as inside:
        yield inside, found


def extent(day: NDArray[np.int64], events: NDArray[np.int64]) -> tuple[int, int]:
    """Return the positions of the first and the last day of a log's body.

    Days with next to nothing count as silent. Runs of days that are silent for longer than
    `_LONGEST_SILENCE_DAYS` between them stand apart; of these, the largest and all that hold
    `_LEAST_SHARE` of the events make the body, with everything between them.

    Args:
        day: days with events, counted from 1970, ascending; at least one.
        events: how many on each.
    """
    order = np.argsort(events, kind="stable")
    usual = events[order[np.searchsorted(np.cumsum(events[order]), events.sum() / 2)]]
    alive = np.flatnonzero(events >= _LEAST_DAY * usual)
    run = np.cumsum(np.diff(day[alive], prepend=day[alive[0]]) > _LONGEST_SILENCE_DAYS)
    size = np.bincount(run, weights=events[alive])
    kept = np.flatnonzero((size >= _LEAST_SHARE * events.sum()) | (size == size.max()))
    inside = alive[(run >= kept[0]) & (run <= kept[-1])]
    return int(inside[0]), int(inside[-1])
