"""The real push logs that ship with sendopt: three studies whose answers are known in full.

In an experience-sampling study the phone buzzes several times a day and every answer, or silence,
is kept. A user's day therefore holds the true outcome of several send times, and any policy that
picks one of them has an exact value. Sources and licences stand in `data/README.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import as_file, files
from typing import cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sendopt.records import TenantId, UserId

NAMES = ("dejonckheere2019", "fried2021", "westhoff2024")

#: An answer within this time counts as an open; the studies' own criterion.
OPEN_WINDOW = timedelta(minutes=30)


@dataclass(frozen=True)
class Study:
    """One study, played as one tenant."""

    tenant_id: TenantId
    events: pa.Table  # the event contract, as shipped

    def history(self, before: datetime) -> pa.Table:
        """Return the events with `occurred_at < before`."""
        return self.events.filter(pc.field("occurred_at") < pa.scalar(before))

    def user_ids(self) -> set[UserId]:
        """Return everybody who was ever sent anything."""
        return {UserId(user_id) for user_id in self.events["user_id"].unique().to_pylist()}

    def pushes(self) -> pd.DataFrame:
        """Return every push with its answer: user_id, sent_at, answered_at (NaT = silence)."""
        events = self.events.select(["event_type", "user_id", "send_id", "occurred_at"]).to_pandas()
        sends = events[events.event_type == "send"]
        opens = events[events.event_type == "open"].groupby("send_id").occurred_at.min()
        return pd.DataFrame(
            {
                "user_id": sends.user_id.to_numpy(),
                "sent_at": sends.occurred_at.to_numpy(),
                "answered_at": sends.send_id.map(opens).to_numpy(),
            }
        ).assign(
            sent_at=lambda pushes: pushes.sent_at.dt.tz_convert("UTC"),
            answered_at=lambda pushes: pushes.answered_at.dt.tz_convert("UTC"),
        )


@dataclass(frozen=True, slots=True)
class HeldDay:
    """One day kept out of the log: what each user was really sent, and what came of it."""

    starts_at: datetime
    answers: dict[UserId, dict[datetime, timedelta | None]]  # sent_at → time to answer, or None

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(days=1)

    def opened(self, user_id: UserId, sent_at: datetime) -> bool:
        """Tell whether the push of `sent_at` was answered within `OPEN_WINDOW`."""
        delay = self.answers[user_id][sent_at]
        return delay is not None and delay <= OPEN_WINDOW


def load_studies() -> list[Study]:
    """Read the shipped logs."""
    studies = []
    for name in NAMES:
        with as_file(files("sendopt.demo") / "data" / f"{name}.parquet") as path:
            studies.append(Study(tenant_id=TenantId(name), events=pq.read_table(path)))
    return studies


def held_days(study: Study, *, starts_at: datetime) -> list[HeldDay]:
    """Cut the days from `starts_at` on; a day on which a user had one push has no choice in it.

    The studies' clocks are local times written as UTC, so a day is a UTC day.
    """
    pushes = study.pushes()
    pushes = pushes[pushes.sent_at >= starts_at]
    days = []
    for day, of_day in pushes.groupby(pushes.sent_at.dt.floor("D")):
        answers: dict[UserId, dict[datetime, timedelta | None]] = {}
        for row in of_day.itertuples():
            delay = row.answered_at - row.sent_at
            answers.setdefault(UserId(str(row.user_id)), {})[row.sent_at.to_pydatetime()] = (
                None if pd.isna(delay) else delay.to_pytimedelta()
            )
        starts = cast("pd.Timestamp", day).to_pydatetime()
        days.append(HeldDay(starts, {user: of for user, of in answers.items() if len(of) > 1}))
    return days
