"""Sends whose times were randomised with known chances: the experiments in a sender's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.view import AsOfView
from sendopt.features.as_of.viewpoints import Moments, Viewpoints, viewpoints
from sendopt.features.labels.labelled import days_of_sends, sends_with_labels

_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class RandomisedSends:
    """Sends whose time was randomised, one row each, seen from the start of their local day."""

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


def randomised_sends(
    view: AsOfView, *, since: datetime, until: datetime, limit: int
) -> RandomisedSends:
    """Return up to `limit` randomised sends of [since, until), in any fixed order."""
    sent, _ = sends_with_labels(
        view.reader, view.target, since=since, until=until, randomised=True, limit=limit
    )
    day = days_of_sends(view, sent)
    # What is known must not depend on the hour that was drawn: it ends where the local day begins.
    seen, number = _by_time(*viewpoints(sent["user_id"], _instants(day.begins_us)))
    local = view.moments(seen, number, sent["at"])
    order = np.argsort(number, kind="stable")
    return RandomisedSends(
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
