"""The real push logs that ship with sendopt: three studies whose answers are known in full.

In an experience-sampling study the phone buzzes several times a day and every answer, or silence,
is kept. A user's day therefore holds the true outcome of several send times, and any policy that
picks one of them has an exact value. Sources and licences stand in `data/README.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import as_file, files

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

    def pushes(self) -> Iterator[tuple[UserId, datetime, timedelta | None]]:
        """Yield every push: who, when, and the time to the answer (None = silence)."""
        columns = ["event_type", "user_id", "send_id", "occurred_at"]
        rows = self.events.select(columns).to_pylist()
        opened_at = {
            (row["user_id"], row["send_id"]): row["occurred_at"]
            for row in rows
            if row["event_type"] == "open"
        }
        for row in rows:
            if row["event_type"] == "send":
                sent_at = row["occurred_at"].astimezone(UTC)
                answered_at = opened_at.get((row["user_id"], row["send_id"]))
                yield (
                    UserId(row["user_id"]),
                    sent_at,
                    None if answered_at is None else answered_at - sent_at,
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
        """Tell whether the push was answered in [sent_at, sent_at + OPEN_WINDOW)."""
        delay = self.answers[user_id][sent_at]
        return delay is not None and delay < OPEN_WINDOW


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
    days: dict[datetime, dict[UserId, dict[datetime, timedelta | None]]] = {}
    for user_id, sent_at, delay in study.pushes():
        if sent_at >= starts_at:
            day = sent_at.replace(hour=0, minute=0, second=0, microsecond=0)
            days.setdefault(day, {}).setdefault(user_id, {})[sent_at] = delay
    return [
        HeldDay(day, {user: times for user, times in answers.items() if len(times) > 1})
        for day, answers in sorted(days.items())
    ]
