"""Whole days of users, hour by hour: where no answers are known, being there stands in for one."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.view import AsOfView
from sendopt.features.as_of.viewpoints import LocalDays, viewpoints
from sendopt.features.labels.labelled import LabelledMoments
from sendopt.features.queries import statement
from sendopt.features.target import microseconds

_DAY_US = 86_400_000_000
_HOUR_US = 3_600_000_000
_INSTANT = pa.timestamp("us", tz="UTC")


def active_days(
    view: AsOfView,
    *,
    since: datetime,
    until: datetime,
    limit: int,
    rng: np.random.Generator,
) -> LabelledMoments:
    """Return all hours of up to `limit` / 24 random local days of users in [since, until).

    The label is whether a session started within the open window after the hour. A user's days
    begin with the first event known of them; days without any activity are drawn like others.
    """
    users, day, share = _drawn_days(view, since=since, until=until, most=limit // 24, rng=rng)
    at_the_end, number = viewpoints(users, pa.array([until] * len(users), _INSTANT))
    begins_us = view.day_begins_us(at_the_end, number, day)
    hours = np.arange(25)  # the longest day, on which clocks are put back
    row = np.repeat(np.arange(len(day)), len(hours))
    at_us = np.add.outer(begins_us, hours * _HOUR_US).ravel()
    local_us = _local_days(view, users.take(pa.array(row)), until, at_us).local_us
    same_day = local_us // _DAY_US == day[row]
    row, at_us, local_us = row[same_day], at_us[same_day], local_us[same_day]
    user_id = users.take(pa.array(row))
    return LabelledMoments(
        user_id=user_id,
        as_of_us=begins_us[row],
        at_us=at_us,
        local_us=local_us,
        label=_active_within_the_window(view, user_id, at_us),
        weight=np.ones(len(at_us)),
        share=share,
    )


def _drawn_days(
    view: AsOfView,
    *,
    since: datetime,
    until: datetime,
    most: int,
    rng: np.random.Generator,
) -> tuple[pa.Array, NDArray[np.int64], float]:
    """Draw up to `most` whole local days of users in [since, until), any as likely as another.

    Returns:
        The user of each, the day since 1970, and the share of all days that was drawn.
    """
    since_us, until_us = microseconds(since), microseconds(until)
    known = view.reader.query("users", statement("users"), {"until_us": until_us})
    users, first_us = known["user_id"].combine_chunks(), known["first_us"].to_numpy()

    def days(at_us: NDArray[np.int64]) -> NDArray[np.int64]:
        return _local_days(view, users, until, at_us).local_us // _DAY_US

    # The first day that begins at `since` or later, and after the user's first event.
    begins = np.maximum(days(first_us) + 1, days(np.full(len(users), since_us - 1)) + 1)
    window_us = view.target.open_window // timedelta(microseconds=1)
    ends = days(np.full(len(users), until_us - window_us))  # the last day, which is not over
    count = np.maximum(ends - begins, 0)
    total = int(count.sum())
    drawn = np.sort(rng.choice(total, size=min(total, most), replace=False))
    user = np.searchsorted(np.cumsum(count), drawn, side="right")
    day = begins[user] + drawn - (np.cumsum(count) - count)[user]
    return users.take(pa.array(user)), day, len(drawn) / total if total else 1.0


def _active_within_the_window(
    view: AsOfView, user_id: pa.Array, at_us: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return whether each user's session began within the open window after the instant, 0 or 1."""
    moments = pa.table(
        {
            "moment": np.arange(len(at_us)),
            "user_id": user_id,
            "at": pa.array(at_us).cast(_INSTANT),
        }
    )
    labels = view.reader.query(
        "active_within",
        statement("active_within"),
        {"window_us": view.target.open_window // timedelta(microseconds=1)},
        inputs={"moment": moments},
    )
    active: NDArray[np.float64] = labels["label"].to_numpy()
    return active


def _local_days(
    view: AsOfView, users: pa.Array, until: datetime, at_us: NDArray[np.int64]
) -> LocalDays:
    """Return the days of instants, one a user, in the zones that were known at `until`."""
    at_the_end, number = viewpoints(users, pa.array([until] * len(users), _INSTANT))
    return view.local_days(at_the_end, number, at_us)
