"""A randomised send is asked about as whoever drew its time knew it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sendopt.features import AsOfView, Target
from sendopt.features.labels.randomised import RandomisedSends, randomised_sends
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP, ANN = TenantId("shop"), UserId("ann")
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
#: What each send says of itself: 13:00 in London, 21:00 in Tokyo.
SENDS = [
    ("Europe/London", "ios", "news"),
    ("Asia/Tokyo", "android", "offer"),
    (None, None, None),
]


def events() -> Iterator[Event]:
    yield Event(
        "v",
        ANN,
        EventType.SESSION,
        NOON - timedelta(days=3),
        timezone="Europe/London",
        platform="web",
    )
    for number, (zone, platform, kind) in enumerate(SENDS):
        yield Event(
            f"{number}",
            ANN,
            EventType.SEND,
            NOON + timedelta(minutes=number),
            send_id=SendId(f"{number}"),
            propensity=0.25,
            timezone=zone,
            platform=platform,
            message_type=kind,
        )


@pytest.fixture
def sends(empty_log: Log) -> Iterator[tuple[AsOfView, RandomisedSends]]:
    with empty_log.appender() as appender:
        appender.append(SHOP, event_table(list(events())))
    with empty_log.reader(SHOP) as reader:
        view = AsOfView(reader, Target(timedelta(minutes=30)))
        day = timedelta(days=1)
        yield view, randomised_sends(view, since=NOON - day, until=NOON + day, limit=10)


def test_its_hour_is_that_of_its_own_zone_else_of_the_one_that_was_known(
    sends: tuple[AsOfView, RandomisedSends],
) -> None:
    _, found = sends
    kinds = found.message_type.to_pylist()
    assert dict(zip(kinds, found.hour.tolist(), strict=True)) == {"news": 13, "offer": 21, None: 13}


def test_its_strata_are_what_was_known_of_it(sends: tuple[AsOfView, RandomisedSends]) -> None:
    _, found = sends
    told = {name: each.to_pylist() for name, each in found.strata.items()}
    assert sorted(told) == ["message type", "platform", "zone", "zone, platform, message type"]
    assert set(told["zone, platform, message type"]) == {
        "Europe/London, ios, news",
        "Asia/Tokyo, android, offer",
        "Europe/London, web, unknown",
    }


def test_all_hours_of_its_day_are_asked_with_its_platform_and_its_message(
    sends: tuple[AsOfView, RandomisedSends],
) -> None:
    view, found = sends
    hours = np.array([9, 20], np.intp)
    seen, asked = found.each_hour(slice(1, 3), hours)
    platforms = view.last_platforms(seen).to_pylist()
    told = found.strata["platform"].to_pylist()[1:]
    assert [platforms[each] for each in asked.viewpoint] == np.repeat(told, 2).tolist()
    assert asked.message_type is not None
    assert asked.message_type.to_pylist() == [
        each for each in found.message_type.to_pylist()[1:] for _ in hours
    ]
    assert (asked.minute_of_day // 60).tolist() == [9, 20, 9, 20]
