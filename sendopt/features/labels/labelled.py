"""Moments whose outcome is known: what a model learns from and is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.view import AsOfView
from sendopt.features.as_of.viewpoints import Moments, Viewpoints, viewpoints
from sendopt.features.propensity import inverse
from sendopt.features.queries import statement
from sendopt.features.target import Target, microseconds
from sendopt.log import Reader

_DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class LabelledMoments:
    """Moments with the outcome of a send, or of the activity that stands in for it."""

    user_id: pa.Array
    as_of_us: NDArray[np.int64]  # the start of the moment's UTC day: what a planner could know
    at_us: NDArray[np.int64]
    label: NDArray[np.float64]  # 0 or 1
    weight: NDArray[np.float64]  # mean 1; undoes the sender's choice of times, where it was logged
    sent: pa.Table | None = None  # timezone, platform, message_type of the sends; None = no sends

    def __len__(self) -> int:
        return len(self.label)

    @property
    def as_of(self) -> pa.Array:
        return pa.array(self.as_of_us).cast(_INSTANT)

    @property
    def at(self) -> pa.Array:
        return pa.array(self.at_us).cast(_INSTANT)

    def rows(self, chosen: NDArray[np.bool_]) -> LabelledMoments:
        """Return the chosen rows."""
        return LabelledMoments(
            self.user_id.filter(pa.array(chosen)),
            self.as_of_us[chosen],
            self.at_us[chosen],
            self.label[chosen],
            self.weight[chosen],
            None if self.sent is None else self.sent.filter(pa.array(chosen)),
        )

    def seen_by(self, view: AsOfView) -> tuple[Viewpoints, Moments]:
        """Return who is asked about as of when, and the moments.

        Zone and platform are those of the send: whoever planned it knew the device.
        """
        if self.sent is None:
            seen, number = viewpoints(self.user_id, self.as_of)
            return seen, view.moments(seen, number, self.at)
        seen, number = viewpoints(
            self.user_id,
            self.as_of,
            timezone=self.sent["timezone"],
            platform=self.sent["platform"],
        )
        return seen, view.moments(seen, number, self.at, message_type=self.sent["message_type"])


def labelled_sends(
    reader: Reader, target: Target, *, since: datetime, until: datetime, limit: int
) -> LabelledMoments:
    """Return the newest `limit` sends of [since, until) whose window closed by `until`."""
    sent = sends_with_labels(reader, target, since=since, until=until, drawn=False, limit=limit)
    at_us = sent["at"].cast(pa.int64()).to_numpy()
    return LabelledMoments(
        user_id=sent["user_id"].combine_chunks(),
        as_of_us=at_us // _DAY_US * _DAY_US,
        at_us=at_us,
        label=sent["label"].to_numpy(),
        weight=_inverse_propensity(sent["propensity"].to_numpy().astype(np.float64)),
        sent=sent.select(["timezone", "platform", "message_type"]),
    )


def sends_with_labels(
    reader: Reader, target: Target, *, since: datetime, until: datetime, drawn: bool, limit: int
) -> pa.Table:
    """Return sends of [since, until) whose window closed by `until`, oldest first.

    Args:
        reader: the tenant's log.
        target: what answers them.
        since: inclusive.
        until: exclusive.
        drawn: True = any `limit` of those whose time was drawn; False = the newest `limit`.
        limit: how many at most.

    Returns:
        user_id, at, propensity, timezone, platform, message_type, label (0.0 or 1.0).
    """
    params = {
        **target.params,
        "from_us": microseconds(since),
        "until_us": microseconds(until),
        "drawn": drawn,
        "limit": limit,
    }
    return reader.query("labelled_sends", statement("labelled_sends"), params)


def active_days(
    reader: Reader,
    target: Target,
    *,
    since: datetime,
    until: datetime,
    limit: int,
    rng: np.random.Generator,
) -> LabelledMoments:
    """Return all 24 hours of up to `limit` / 24 random user-days in [since, until).

    The label is whether a session started within the open window after the hour. A user's days
    begin with the first event known of them; days without any activity are drawn like others.
    """
    window = target.open_window // timedelta(microseconds=1)
    first_day = -(-microseconds(since) // _DAY_US)
    last_day = (microseconds(until) - window) // _DAY_US - 1  # the last whole, closed day
    users = reader.query("users", statement("users"), {"until_us": microseconds(until)})
    begins = np.maximum(users["first_us"].to_numpy() // _DAY_US + 1, first_day)
    days = np.maximum(last_day - begins + 1, 0)
    total = int(days.sum())
    drawn = np.sort(rng.choice(total, size=min(total, limit // 24), replace=False))
    user = np.searchsorted(np.cumsum(days), drawn, side="right")
    day = begins[user] + drawn - (np.cumsum(days) - days)[user]
    as_of_us = np.repeat(day * _DAY_US, 24)
    at_us = as_of_us + np.tile(np.arange(24) * _HOUR_US, len(day))
    user_id = users["user_id"].combine_chunks().take(pa.array(np.repeat(user, 24)))
    asked = pa.table(
        {
            "moment": np.arange(len(at_us)),
            "user_id": user_id,
            "at": pa.array(at_us).cast(_INSTANT),
        }
    )
    labels = reader.query(
        "active_within",
        statement("active_within"),
        {"window_us": window},
        inputs={"moment": asked},
    )
    return LabelledMoments(
        user_id, as_of_us, at_us, labels["label"].to_numpy(), np.ones(len(at_us))
    )


def session_moments(
    reader: Reader, *, since: datetime, until: datetime, limit: int
) -> LabelledMoments:
    """Return up to `limit` sessions of [since, until), as seen from `since`; all labels are 1."""
    params = {
        "from_us": microseconds(since),
        "until_us": microseconds(until),
        "limit": limit,
    }
    found = reader.query("session_times", statement("session_times"), params)
    ones = np.ones(len(found))
    return LabelledMoments(
        user_id=found["user_id"].combine_chunks(),
        as_of_us=np.full(len(found), microseconds(since)),
        at_us=found["at"].cast(pa.int64()).to_numpy(),
        label=ones,
        weight=ones,
    )


def known_users(reader: Reader, *, until: datetime) -> pa.Array:
    """Return everybody with an event before `until`, in order."""
    users = reader.query("users", statement("users"), {"until_us": microseconds(until)})
    return users["user_id"].combine_chunks()


def _inverse_propensity(propensity: NDArray[np.float64]) -> NDArray[np.float64]:
    weight, logged = inverse(propensity), propensity > 0
    if logged.any():
        weight[logged] /= weight[logged].mean()
    return weight
