"""Labels look ahead, but never past the instant at which learning ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from sendopt.errors import InvalidInput
from sendopt.features import Target, active_days, labelled_sends, summarise
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
TARGET = Target(timedelta(hours=1))
MONDAY = datetime(2026, 9, 28, tzinfo=UTC)


def append(log: Log, *found: Event) -> None:
    with log.appender() as appender:
        appender.append(SHOP, event_table(found))


def send(number: int, at: datetime, propensity: float | None = None) -> Event:
    return Event(
        f"{number}",
        UserId("ann"),
        EventType.SEND,
        at,
        send_id=SendId(f"s{number}"),
        propensity=propensity,
    )


def opened(number: int, at: datetime) -> Event:
    return Event(f"{number}o", UserId("ann"), EventType.OPEN, at, send_id=SendId(f"s{number}"))


def test_sends_whose_window_is_open_are_left_out(empty_log: Log) -> None:
    noon = MONDAY + timedelta(hours=12)
    append(
        empty_log,
        send(1, noon - timedelta(hours=3)),
        send(2, noon - timedelta(hours=1)),  # closes at noon sharp
        opened(2, noon - timedelta(minutes=1)),
        send(3, noon - timedelta(minutes=59)),
        opened(3, noon - timedelta(minutes=58)),
    )
    with empty_log.reader(SHOP) as reader:
        past = labelled_sends(reader, TARGET, since=MONDAY, until=noon, limit=10)
        newest = labelled_sends(reader, TARGET, since=MONDAY, until=noon, limit=1)
        summary = summarise(reader, TARGET, until=noon)
    assert past.label.tolist() == [0.0, 1.0]
    assert newest.label.tolist() == [1.0]
    assert past.as_of.to_pylist() == [MONDAY, MONDAY]
    assert (summary.sends, summary.opens) == (3, 2)


def test_unlikely_times_weigh_more_but_never_without_bound(empty_log: Log) -> None:
    append(
        empty_log,
        send(1, MONDAY, propensity=0.5),
        send(2, MONDAY + timedelta(hours=1), propensity=0.001),
    )
    with empty_log.reader(SHOP) as reader:
        past = labelled_sends(
            reader, TARGET, since=MONDAY, until=MONDAY + timedelta(days=1), limit=10
        )
    assert past.weight[1] / past.weight[0] == pytest.approx(20.0 / 2.0)
    assert past.weight.mean() == pytest.approx(1.0)


def test_active_days_are_whole_days_that_have_closed(empty_log: Log) -> None:
    sessions = [
        MONDAY + timedelta(days=1, hours=9, minutes=15),
        MONDAY + timedelta(days=3, hours=23),
    ]
    append(
        empty_log,
        Event("0", UserId("ann"), EventType.SESSION, MONDAY + timedelta(hours=5)),
        *(
            Event(f"{number + 1}", UserId("ann"), EventType.SESSION, at)
            for number, at in enumerate(sessions)
        ),
    )
    with empty_log.reader(SHOP) as reader:
        past = active_days(
            reader,
            TARGET,
            since=MONDAY,
            until=MONDAY + timedelta(days=4),
            limit=10_000,
            rng=np.random.default_rng(1),
        )
    at = past.at.filter(pa.array(past.label > 0)).to_pylist()
    # The first day begins after the first event; the last would close an hour after its end.
    assert len(past) == 2 * 24
    assert at == [MONDAY + timedelta(days=1, hours=9)]


@pytest.mark.parametrize("outcome", [EventType.SEND, EventType.SESSION, EventType.OPT_OUT])
def test_only_answers_can_be_predicted(outcome: EventType) -> None:
    with pytest.raises(InvalidInput, match="outcome"):
        Target(timedelta(minutes=30), outcome)
