"""A user's platform is the last one that was seen on a day before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from sendopt.features import AsOfView, Target, Viewpoints
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

SHOP = TenantId("shop")
TARGET = Target(timedelta(minutes=30))
MONDAY = datetime(2026, 9, 28, tzinfo=UTC)
DAY = timedelta(days=1)


def session(user: str, at: datetime, platform: str | None) -> Event:
    return Event(f"{user}-{at}", UserId(user), EventType.SESSION, at, platform=platform)


def test_the_last_platform_of_a_day_is_known_from_the_next_and_to_nobody_elses_name(
    empty_log: Log,
) -> None:
    morning, evening = timedelta(hours=8), timedelta(hours=20)
    events = [
        session("ann", MONDAY + morning, "web"),
        session("ann", MONDAY + evening, "ios"),
        session("ann", MONDAY + DAY + morning, None),
        session("bob", MONDAY + 2 * DAY + morning, "android"),
        session("bob", MONDAY + 3 * DAY + evening, "android"),
        session("bob", MONDAY + 4 * DAY + morning, "web"),
    ]
    with empty_log.appender() as appender:
        appender.append(SHOP, event_table(events))
    asked = [
        *(("ann", day, "ios" if day > 0 else None) for day in range(4)),
        *(("bob", day, None) for day in range(3)),
        *(("bob", day, "android") for day in (3, 4)),
        ("bob", 5, "web"),
        ("eve", 5, None),
    ]
    users, days, expected = zip(*asked, strict=True)
    seen = Viewpoints(pa.array(users), pa.array([MONDAY + day * DAY for day in days]))
    with empty_log.reader(SHOP) as reader:
        assert AsOfView(reader, TARGET).last_platforms(seen).to_pylist() == list(expected)
