"""Sends whose times were drawn with known chances: the experiments in a sender's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.view import AsOfView
from sendopt.features.as_of.viewpoints import Moments, Viewpoints, viewpoints
from sendopt.features.labels.labelled import sends_with_labels
from sendopt.features.queries import statement
from sendopt.features.target import Target, microseconds
from sendopt.log import Reader

_MINUTE_US = 60_000_000
_DAY_US = 86_400_000_000
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class LoggedChances:
    """How the times of a log's sends were chosen, as far as it says so."""

    sends: int  # with a closed open window
    logged: int  # of them, with a propensity
    drawn: int  # of those, with one below 1: another time could have come out


@dataclass(frozen=True)
class DrawnSends:
    """Sends whose time was drawn, one row each, seen from the start of their local day."""

    seen: Viewpoints  # the user, as of local midnight: the same whichever hour was drawn; by time
    viewpoint: NDArray[np.intp]  # of the send
    day_of_week: NDArray[np.int64]
    day_type: NDArray[np.intp]  # as of Moments
    hour: NDArray[np.intp]  # 0..23, local: the one that was drawn
    propensity: NDArray[np.float64]
    answered: NDArray[np.float64]  # 0 or 1

    def __len__(self) -> int:
        return len(self.hour)

    def each_hour(self, rows: slice, hours: NDArray[np.intp]) -> tuple[Viewpoints, Moments]:
        """Return the middle of each of `hours` on the days of `rows`, one send after the other."""
        mine = self.viewpoint[rows]
        first, last = int(mine.min()), int(mine.max()) + 1
        return self.seen.slice(first, last - first), Moments(
            viewpoint=np.repeat(mine - first, len(hours)),
            day_of_week=np.repeat(self.day_of_week[rows], len(hours)),
            minute_of_day=np.tile(hours * 60 + 30, len(mine)),
            day_type=np.repeat(self.day_type[rows], len(hours)),
        )


def logged_chances(
    reader: Reader, target: Target, *, since: datetime, until: datetime
) -> LoggedChances:
    """Count the sends of [since, until) by what the log says of their choice."""
    params = {
        "window_us": target.params["window_us"],
        "from_us": microseconds(since),
        "until_us": microseconds(until),
    }
    counted = reader.query("logged_chances", statement("logged_chances"), params)
    return LoggedChances(**counted.to_pylist()[0])


def drawn_sends(view: AsOfView, *, since: datetime, until: datetime, limit: int) -> DrawnSends:
    """Return up to `limit` sends of [since, until) whose times were drawn, in any fixed order."""
    sent = sends_with_labels(
        view.reader, view.target, since=since, until=until, drawn=True, limit=limit
    )
    at_us = sent["at"].cast(pa.int64()).to_numpy()
    seen, number = viewpoints(sent["user_id"], _instants(at_us // _DAY_US * _DAY_US))
    local = view.moments(seen, number, sent["at"])
    # What is known must not depend on the hour that was drawn: it ends where the local day begins.
    midnight = at_us // _MINUTE_US * _MINUTE_US - local.minute_of_day * _MINUTE_US
    seen, number = _by_time(*viewpoints(sent["user_id"], _instants(midnight)))
    order = np.argsort(number, kind="stable")
    return DrawnSends(
        seen=seen,
        viewpoint=number[order],
        day_of_week=local.day_of_week[order],
        day_type=local.day_type[order],
        hour=(local.minute_of_day[order] // 60).astype(np.intp),
        propensity=sent["propensity"].to_numpy().astype(np.float64)[order],
        answered=sent["label"].to_numpy()[order],
    )


def _by_time(seen: Viewpoints, number: NDArray[np.intp]) -> tuple[Viewpoints, NDArray[np.intp]]:
    """Number viewpoints by time: what everybody was doing is then the same for neighbours."""
    order = np.argsort(seen.as_of_us, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return Viewpoints(seen.user_id.take(order), seen.as_of.take(order)), place[number]


def _instants(us: NDArray[np.int64]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(us).cast(_INSTANT)])
