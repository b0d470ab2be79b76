"""Moments whose outcome is known: what a model learns from and is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.view import AsOfView
from sendopt.features.as_of.viewpoints import LocalDays, Moments, Viewpoints, viewpoints
from sendopt.features.labels.chances import logged_chances
from sendopt.features.local_time.zones import zone_clocks
from sendopt.features.propensity import scaled_inverse
from sendopt.features.queries import statement
from sendopt.features.target import Target, microseconds
from sendopt.log import Reader

#: Columns of `LabelledMoments.sent`.
SENT = ["timezone", "platform", "message_type", "propensity", "latency_stage"]

_DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class LabelledMoments:
    """Moments with the outcome of a send, or of the activity that stands in for it."""

    user_id: pa.Array
    as_of_us: NDArray[np.int64]  # before the moment's local day: what a planner could know
    at_us: NDArray[np.int64]
    local_us: NDArray[np.int64]  # of `at_us` on the user's clock
    label: NDArray[np.float64]  # 0 or 1
    weight: NDArray[np.float64]  # mean 1; undoes the sender's choice of times, where it was logged
    sent: pa.Table | None = None  # what the log says of the sends (SENT); None = no sends
    share: float = 1.0  # of all such moments in the log, which these were drawn from by user-day

    def __len__(self) -> int:
        return len(self.label)

    @property
    def as_of(self) -> pa.Array:
        return pa.array(self.as_of_us).cast(_INSTANT)

    @property
    def at(self) -> pa.Array:
        return pa.array(self.at_us).cast(_INSTANT)

    @property
    def local_day(self) -> NDArray[np.int64]:
        """The day on the user's clock, counted from 1970."""
        return self.local_us // _DAY_US

    @property
    def local_hour(self) -> NDArray[np.int64]:
        """0..23 on the user's clock."""
        return self.local_us % _DAY_US // _HOUR_US

    def rows(self, chosen: NDArray[np.bool_]) -> LabelledMoments:
        """Return the chosen rows."""
        return LabelledMoments(
            user_id=self.user_id.filter(pa.array(chosen)),
            as_of_us=self.as_of_us[chosen],
            at_us=self.at_us[chosen],
            local_us=self.local_us[chosen],
            label=self.label[chosen],
            weight=self.weight[chosen],
            sent=None if self.sent is None else self.sent.filter(pa.array(chosen)),
            share=self.share,
        )

    def viewpoints_and_moments(self, view: AsOfView) -> tuple[Viewpoints, Moments]:
        """Return who is asked about as of when, and the moments.

        Zone and platform are those of the send: whoever planned it knew the device.
        """
        if self.sent is None:
            users, number = viewpoints(self.user_id, self.as_of)
            return users, view.moments(users, number, self.at)
        users, number = viewpoints(
            self.user_id,
            self.as_of,
            timezone=self.sent["timezone"],
            platform=self.sent["platform"],
        )
        return users, view.moments(users, number, self.at, message_type=self.sent["message_type"])


def labelled_sends(
    view: AsOfView, *, since: datetime, until: datetime, limit: int
) -> LabelledMoments:
    """Return sends of [since, until) whose window closed by `until`.

    Where there are more than about `limit`, whole user-days are drawn, evenly over the time.
    """
    sent, share = sends_with_labels(
        view.reader, view.target, since=since, until=until, randomised=False, limit=limit
    )
    at_us = sent["at"].cast(pa.int64()).to_numpy()
    day = days_of_sends(view, sent)
    return LabelledMoments(
        user_id=sent["user_id"].combine_chunks(),
        as_of_us=day.begins_us,
        at_us=at_us,
        local_us=day.local_us,
        label=sent["label"].to_numpy(),
        weight=scaled_inverse(sent["propensity"].to_numpy().astype(np.float64)),
        sent=sent.select(SENT),
        share=share,
    )


def sends_with_labels(
    reader: Reader,
    target: Target,
    *,
    since: datetime,
    until: datetime,
    randomised: bool,
    limit: int,
) -> tuple[pa.Table, float]:
    """Return sends of [since, until) whose window closed by `until`, oldest first.

    Args:
        reader: the tenant's log.
        target: what answers them.
        since: inclusive.
        until: exclusive.
        randomised: whether only those count whose time was randomised.
        limit: about how many; beyond it user-days are drawn by their hash, the same ones always.

    Returns:
        user_id, at, propensity, timezone, platform, message_type, latency_stage (of LATENCY_STAGES,
        beyond them = not answered in time), label (0.0 or 1.0); and the share of all user-days
        that was drawn.
    """
    chances = logged_chances(reader, target, since=since, until=until)
    there = chances.randomised if randomised else chances.sends
    share = min(1.0, limit / max(there, 1))
    params = {
        **target.params,
        "known_after_us": target.known_after // timedelta(microseconds=1),
        "from_us": microseconds(since),
        "until_us": microseconds(until),
        "randomised": randomised,
        "share": share,
    }
    inputs = {"zone_clock": zone_clocks(reader, "UTC")}
    return reader.query("labelled_sends", statement("labelled_sends"), params, inputs), share


def days_of_sends(view: AsOfView, sent: pa.Table) -> LocalDays:
    """Return the local day of each send, by the zone that was known when its UTC day began.

    Args:
        view: of the log.
        sent: user_id, at, timezone (of the send itself, where it tells).
    """
    at_us = sent["at"].cast(pa.int64()).to_numpy()
    utc_day = pa.chunked_array([pa.array(at_us // _DAY_US * _DAY_US).cast(_INSTANT)])
    users, number = viewpoints(sent["user_id"], utc_day, timezone=sent["timezone"])
    return view.local_days(users, number, at_us)


def session_moments(
    reader: Reader, *, since: datetime, until: datetime, limit: int
) -> LabelledMoments:
    """Return up to `limit` sessions of [since, until), as seen from `since`; all labels are 1."""
    params = {
        "from_us": microseconds(since),
        "until_us": microseconds(until),
        "limit": limit,
    }
    sessions = reader.query("session_times", statement("session_times"), params)
    ones, at_us = np.ones(len(sessions)), sessions["at"].cast(pa.int64()).to_numpy()
    return LabelledMoments(
        user_id=sessions["user_id"].combine_chunks(),
        as_of_us=np.full(len(sessions), microseconds(since)),
        at_us=at_us,
        local_us=at_us,
        label=ones,
        weight=ones,
    )


def known_users(reader: Reader, *, until: datetime) -> pa.Array:
    """Return everybody with an event before `until`, in order."""
    users = reader.query("users", statement("users"), {"until_us": microseconds(until)})
    return users["user_id"].combine_chunks()
