"""Sends whose times were randomised with known chances: the experiments in a sender's log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features.as_of.view import AsOfView
from sendopt.features.as_of.viewpoints import Moments, Viewpoints, viewpoints
from sendopt.features.labels.labelled import days_of_sends, sends_with_labels

_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class RandomisedSends:
    """Sends whose time was randomised, one row each, seen from the start of their local day.

    `strata` holds what was known of a send before its time was drawn, and may have decided among
    which hours, with which chances: by the name of what it is, its value for each send.
    """

    #: The user as of local midnight, the same whichever hour was drawn; by time.
    viewpoints: Viewpoints
    viewpoint: NDArray[np.intp]  # of the send
    day_of_week: NDArray[np.int64]
    day_type: NDArray[np.intp]  # as of Moments
    message_type: pa.Array  # null where it was not told
    hour: NDArray[np.intp]  # 0..23, local: the one that was drawn
    propensity: NDArray[np.float64]
    answered: NDArray[np.float64]  # 0 or 1
    strata: Mapping[str, pa.DictionaryArray]  # text without nulls

    def __len__(self) -> int:
        return len(self.hour)

    def each_hour(self, rows: slice, hours: NDArray[np.intp]) -> tuple[Viewpoints, Moments]:
        """Return the middle of each of `hours` on the days of `rows`, one send after the other."""
        mine = self.viewpoint[rows]
        first, last = int(mine.min()), int(mine.max()) + 1
        of_send = np.repeat(np.arange(rows.start, rows.stop), len(hours))
        return self.viewpoints.slice(first, last - first), Moments(
            viewpoint=self.viewpoint[of_send] - first,
            day_of_week=self.day_of_week[of_send],
            minute_of_day=np.tile(hours * 60 + 30, len(mine)),
            day_type=self.day_type[of_send],
            message_type=self.message_type.take(pa.array(of_send)),
        )


def randomised_sends(
    view: AsOfView, *, since: datetime, until: datetime, limit: int
) -> RandomisedSends:
    """Return up to `limit` randomised sends of [since, until), in any fixed order.

    Zone, platform and message type are those of the send: whoever drew its time knew them.
    """
    sent, _ = sends_with_labels(
        view.reader, view.target, since=since, until=until, randomised=True, limit=limit
    )
    day = days_of_sends(view, sent)
    # What is known must not depend on the hour that was drawn: it ends where the local day begins.
    users, number = _by_time(
        *viewpoints(
            sent["user_id"],
            pa.array(day.begins_us).cast(_INSTANT),
            timezone=sent["timezone"],
            platform=sent["platform"],
        )
    )
    order = np.argsort(number, kind="stable")
    sent, number = sent.take(pa.array(order)), number[order]
    local = view.moments(users, number, sent["at"], message_type=sent["message_type"])
    return RandomisedSends(
        viewpoints=users,
        viewpoint=number,
        day_of_week=local.day_of_week,
        day_type=local.day_type,
        message_type=local.message_type,
        hour=(local.minute_of_day // 60).astype(np.intp),
        propensity=sent["propensity"].to_numpy().astype(np.float64),
        answered=sent["label"].to_numpy(),
        strata=_strata(view, users, number, local.message_type),
    )


def _strata(
    view: AsOfView, viewpoints: Viewpoints, number: NDArray[np.intp], message_type: pa.Array
) -> dict[str, pa.DictionaryArray]:
    """Divide sends by zone, platform and message type, and by all of them together."""
    of_send = pa.array(number)
    alone = {
        "zone": view.zones(viewpoints).cast(pa.string()).take(of_send),
        "platform": view.last_platforms(viewpoints).take(of_send),
        "message type": message_type,
    }
    strata = {name: pc.fill_null(each, "unknown") for name, each in alone.items()}
    strata[", ".join(strata)] = pc.binary_join_element_wise(*strata.values(), ", ")
    return {name: each.dictionary_encode() for name, each in strata.items()}


def _by_time(
    viewpoints: Viewpoints, number: NDArray[np.intp]
) -> tuple[Viewpoints, NDArray[np.intp]]:
    """Number viewpoints by time: what everybody was doing is then the same for neighbours."""
    order = np.argsort(viewpoints.as_of_us, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return viewpoints.take(order), place[number]
