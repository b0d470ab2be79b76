"""The histogram counts answers by local hour, and says nothing where there are too few."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sendopt.clock import CLOCK_TOLERANCE
from sendopt.features import Target
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId
from sendopt.score.histogram import LEAST_ANSWERS, PRIOR_SENDS, score_hours

TENANT = TenantId("shop")
AS_OF = datetime(2026, 10, 1, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=30)


def a_log(log: Log, days: int) -> None:
    """Sends at 09:00 and 20:00 by each user's own clock; the morning is answered in time."""
    events = []
    for day in range(1, days + 1):
        for user, zone, offset in (("ann", "Asia/Tokyo", 9), ("bob", None, 0)):
            for hour, after in ((9, timedelta(minutes=5)), (20, timedelta(minutes=31))):
                at = datetime(2026, 10, 1, tzinfo=UTC) - timedelta(days=day, hours=offset - hour)
                name = f"{user}-{day}-{hour}"
                events.append(
                    Event(
                        name,
                        UserId(user),
                        EventType.SEND,
                        at,
                        send_id=SendId(name),
                        timezone=zone if day == 1 else None,  # her zone is known from then on
                    )
                )
                events.append(
                    Event(
                        f"{name}-open",
                        UserId(user),
                        EventType.OPEN,
                        at + after,
                        send_id=SendId(name),
                    )
                )
    with log.appender() as appender:
        appender.append(TENANT, event_table(events))


def moved(answers: int) -> list[Event]:
    """Sends at nine to somebody who lived in Tokyo, answered, and then in Berlin, in silence.

    One more goes out at half past one; its window closes at AS_OF sharp.
    """
    times = [
        *(("Asia/Tokyo", AS_OF - timedelta(days=250 - day, hours=12)) for day in range(answers)),
        *(("Europe/Berlin", AS_OF - timedelta(days=101 - day, hours=5)) for day in range(100)),
        ("Europe/Berlin", AS_OF - WINDOW),
    ]
    sends = [sent(at, zone) for zone, at in times]
    by_another_clock = CLOCK_TOLERANCE  # behind the sender's, at most: they came at once
    return sends + [opened(send, send.occurred_at - by_another_clock) for send in sends[:answers]]


def what_does_not_count(sends: list[Event]) -> list[Event]:
    """Answers too long before a send, after its window, said twice; sends not over or to come."""
    moment = timedelta(microseconds=1)
    first, (early, late) = sends[0], sends[LEAST_ANSWERS : LEAST_ANSWERS + 2]
    return [
        opened(first, first.occurred_at + moment),
        opened(early, early.occurred_at - CLOCK_TOLERANCE - moment),
        opened(late, late.occurred_at + WINDOW),
        sent(AS_OF - WINDOW + moment, "Europe/Berlin"),
        sent(AS_OF + timedelta(days=1), "Asia/Tokyo"),
    ]


def sent(at: datetime, zone: str | None) -> Event:
    return Event(f"{at}", UserId("ann"), EventType.SEND, at, send_id=SendId(f"{at}"), timezone=zone)


def opened(send: Event, at: datetime) -> Event:
    name = f"{send.event_id}-open-{at}"
    return Event(name, send.user_id, EventType.OPEN, at, send_id=send.send_id)


def test_a_send_is_counted_on_the_clock_it_was_sent_by(empty_log: Log) -> None:
    with empty_log.appender() as appender:
        events = moved(LEAST_ANSWERS)
        events[150] = replace(events[150], timezone="Antarctica/Newly_Founded")
        appender.append(TENANT, event_table([*events, *what_does_not_count(events)]))
        appender.append(TenantId("silent"), event_table(moved(LEAST_ANSWERS - 1)))
    with empty_log.reader(TENANT) as reader:
        hours = score_hours(reader, Target(WINDOW), as_of=AS_OF, timezone="UTC")
    with empty_log.reader(TenantId("silent")) as reader:
        assert score_hours(reader, Target(WINDOW), as_of=AS_OF, timezone="UTC") is None
    assert hours is not None
    overall = 101 / 203  # one answer and one silence more
    nine, half_past_one = hours[9], hours[13]
    assert nine.open_probability == pytest.approx((100 + PRIOR_SENDS * overall) / 250)
    rate = PRIOR_SENDS * overall / 51
    assert half_past_one.open_probability == pytest.approx(rate)
    assert half_past_one.logit_sd == pytest.approx((51 * rate * (1 - rate)) ** -0.5)


def test_hours_are_those_of_each_users_clock(empty_log: Log) -> None:
    a_log(empty_log, 60)
    with empty_log.reader(TENANT) as reader:
        hours = score_hours(reader, Target(WINDOW), as_of=AS_OF, timezone="UTC")
    assert hours is not None
    overall = 121 / 242  # one answer and one silence more
    assert hours[9].open_probability == pytest.approx(
        (120 + PRIOR_SENDS * overall) / (120 + PRIOR_SENDS)
    )
    assert hours[20].open_probability == pytest.approx(PRIOR_SENDS * overall / (120 + PRIOR_SENDS))
    assert {hours[hour].open_probability for hour in range(24) if hour not in {9, 20}} == {overall}
    assert hours[9].logit_sd is not None
    assert hours[3].logit_sd is not None
    assert hours[9].logit_sd < hours[3].logit_sd


def test_the_tenants_zone_is_that_of_users_without_one(empty_log: Log) -> None:
    a_log(empty_log, 60)
    with empty_log.reader(TENANT) as reader:
        hours = score_hours(reader, Target(WINDOW), as_of=AS_OF, timezone="Asia/Dubai")
    assert hours is not None
    assert hours[13].open_probability == hours[9].open_probability > hours[0].open_probability


def test_too_few_answers_say_nothing(empty_log: Log) -> None:
    a_log(empty_log, LEAST_ANSWERS // 2 - 1)
    with empty_log.reader(TENANT) as reader:
        assert score_hours(reader, Target(WINDOW), as_of=AS_OF, timezone="UTC") is None


def test_what_is_not_over_is_not_counted(empty_log: Log) -> None:
    a_log(empty_log, 60)
    with empty_log.reader(TENANT) as reader:
        early = score_hours(
            reader, Target(WINDOW), as_of=AS_OF - timedelta(days=40), timezone="UTC"
        )
    assert early is None


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_zones_at_one_instant_that_of_the_last_event_id_holds(
    empty_log: Log, order: int
) -> None:
    begin = datetime(2026, 9, 1, 12, tzinfo=UTC)
    sends = [sent(begin + timedelta(seconds=count), None) for count in range(LEAST_ANSWERS)]
    zones = [
        Event(name, UserId("ann"), EventType.SESSION, begin - WINDOW, timezone=zone)
        for name, zone in (("a", "Asia/Tokyo"), ("b", "Europe/Berlin"))
    ]
    events = [*zones[::order], *sends, *(opened(send, send.occurred_at) for send in sends)]
    with empty_log.appender() as appender:
        appender.append(TENANT, event_table(events))
    with empty_log.reader(TENANT) as reader:
        hours = score_hours(reader, Target(WINDOW), as_of=AS_OF, timezone="UTC")
    assert hours is not None
    assert max(range(24), key=lambda hour: hours[hour].open_probability) == 14
