"""The time over which a log holds together, and the few events that lie far outside of it.

A device whose clock says 1970, 2000 or next year stamps events that stand alone. One of them moves
the first or the last instant of a log by decades, and with it whatever is divided by time.

Training and backtests divide the time of a log, so they keep to its body. What is served, explained
or watched for drift does not divide by it: that reads what happened before an instant, weighed by
age or within a window of days, where an event years off weighs nothing and a later one is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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
#: What stands apart by more belongs to the log if it holds this share of all user-days ...
_LEAST_SHARE = 0.02
#: ... or if its days have at least this share of the users of a usual day, as a new season has,
_LEAST_DENSITY = 0.2
#: and this many user-days: in a log of very few users a stray event is as dense as a usual day.
_LEAST_USER_DAYS = 5
#: A day with less of a usual day's users than this is one on which only wrong clocks spoke.
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
    first, last = extent(day, counted["users"].to_numpy())
    newest_us = counted["newest_us"].to_numpy()
    body = Body(
        begin=instant(int(day[first]) * _DAY_US),
        end=instant(int(newest_us[last]) + 1),
        before=int(events[:first].sum()),
        oldest=instant(int(day[0]) * _DAY_US) if first else None,
        after=int(events[last + 1 :].sum()),
        newest=instant(int(newest_us[-1])) if last + 1 < len(day) else None,
    )
    whole = not body.before and not body.after
    with (
        nullcontext(reader) if whole else reader.within(body.begin, body.end) as inside,
        inside.for_many_queries() as prepared,
    ):
        yield prepared, body


def extent(day: NDArray[np.int64], users: NDArray[np.int64]) -> tuple[int, int]:
    """Return the positions of the first and the last day of a log's body.

    Days with next to nobody count as silent. Runs of days that are silent for longer than
    `_LONGEST_SILENCE_DAYS` between them stand apart. The largest belongs to the body, and so does
    each that holds `_LEAST_SHARE` of all user-days, or is about as dense as the log usually is;
    with everything between them. Users are counted, not events: one device with a wrong clock may
    say much.

    Args:
        day: days with events, counted from 1970, ascending; at least one.
        users: how many users have events on each.
    """
    order = np.argsort(users, kind="stable")
    usual = users[order[np.searchsorted(np.cumsum(users[order]), users.sum() / 2)]]
    alive = np.flatnonzero(users >= _LEAST_DAY * usual)
    run = np.cumsum(np.diff(day[alive], prepend=day[alive[0]]) > _LONGEST_SILENCE_DAYS)
    user_days = np.bincount(run, weights=users[alive])
    dense = user_days >= _LEAST_DENSITY * usual * np.bincount(run)
    kept = np.flatnonzero(
        (user_days >= _LEAST_SHARE * users.sum())
        | (dense & (user_days >= _LEAST_USER_DAYS))
        | (user_days == user_days.max())
    )
    inside = alive[(run >= kept[0]) & (run <= kept[-1])]
    return int(inside[0]), int(inside[-1])
