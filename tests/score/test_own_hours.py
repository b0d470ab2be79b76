"""A user's own hours are the hours of their answers, pulled to everybody's by a few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sendopt.features import Target
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId
from sendopt.score.histogram import LEAST_ANSWERS
from sendopt.score.own_hours import PRIOR_ANSWERS, own_hours

TENANT = TenantId("shop")
AS_OF = datetime(2026, 10, 1, 12, tzinfo=UTC)
TARGET = Target(timedelta(minutes=30))


def answered(user: str, zone: str | None, at: datetime, *, after: timedelta) -> list[Event]:
    """Return a send at `at` and its answer."""
    number = SendId(f"{user}-{at:%m%d%H%M}")
    about = {"user_id": UserId(user), "send_id": number}
    return [
        Event(f"{number}", event_type=EventType.SEND, occurred_at=at, timezone=zone, **about),
        Event(
            f"{number}-open",
            event_type=EventType.OPEN,
            occurred_at=at + after,
            **about,
        ),
    ]


def appended(log: Log, events: list[Event]) -> None:
    with log.appender() as appender:
        appender.append(TENANT, event_table(events))


def test_each_users_answers_count_on_their_own_clock(empty_log: Log) -> None:
    """Ann answers at 9 in Tokyo, two hours after the send; bob at 20 where the tenant is."""
    events = []
    for day in range(1, LEAST_ANSWERS + 1):
        at = datetime(2026, 10, 1, tzinfo=UTC) - timedelta(days=day)
        events += answered("ann", "Asia/Tokyo", at - timedelta(hours=2), after=timedelta(hours=2))
        if day % 2:
            events += answered("bob", None, at + timedelta(hours=20), after=timedelta(minutes=5))
    appended(empty_log, events)
    with empty_log.reader(TENANT) as reader:
        users = [UserId(name) for name in ("bob", "nobody", "ann")]
        shares = own_hours(reader, TARGET, users, as_of=AS_OF, timezone="UTC")
    assert shares is not None
    of_ann, of_bob = LEAST_ANSWERS, LEAST_ANSWERS // 2
    nine = of_ann / (of_ann + of_bob)
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert shares.argmax(axis=1).tolist() == [20, 9, 9]
    assert shares[1, [9, 20]] == pytest.approx([nine, 1 - nine])
    expected = (of_bob + PRIOR_ANSWERS * (1 - nine)) / (of_bob + PRIOR_ANSWERS)
    assert shares[0, 20] == pytest.approx(expected)


def test_too_few_answers_tell_no_hours(empty_log: Log) -> None:
    events = []
    for day in range(1, LEAST_ANSWERS):
        at = AS_OF - timedelta(days=day)
        events += answered("ann", None, at, after=timedelta(minutes=1))
    late = answered("ann", None, AS_OF - timedelta(hours=1), after=timedelta(hours=1))
    appended(empty_log, events + late)
    with empty_log.reader(TENANT) as reader:
        asked = {"timezone": "UTC"}
        assert own_hours(reader, TARGET, [UserId("ann")], as_of=AS_OF, **asked) is None
        later = AS_OF + timedelta(microseconds=1)
        assert own_hours(reader, TARGET, [UserId("ann")], as_of=later, **asked) is not None
