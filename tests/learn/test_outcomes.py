"""A log in which everything ended alike teaches nothing, and is refused with its likely reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sendopt.errors import InvalidInput
from sendopt.learn import backtest
from sendopt.learn.past.outcomes import require_both_outcomes
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
BEGIN = datetime(2026, 9, 1, 12, tzinfo=UTC)
USERS, DAYS = 30, 20


def a_log(*, answered: int) -> list[Event]:
    """A send a day; of every four, `answered` are opened after ten minutes."""
    events = []
    for user in range(USERS):
        for day in range(DAYS):
            at, number = BEGIN + timedelta(days=day, minutes=user), f"{user}-{day}"
            send = Event(
                f"s{number}", UserId(f"u{user}"), EventType.SEND, at, send_id=SendId(number)
            )
            events.append(send)
            if (user + day) % 4 < answered:
                opened = replace(
                    send,
                    event_id=f"o{number}",
                    event_type=EventType.OPEN,
                    occurred_at=at + timedelta(minutes=10),
                )
                events.append(opened)
    return events


def refused(log: Log, events: list[Event]) -> InvalidInput:
    with log.appender() as appender:
        appender.append(SHOP, event_table(events))
    with log.reader(SHOP) as reader, pytest.raises(InvalidInput) as refusal:
        backtest(
            reader,
            None,
            open_window=timedelta(minutes=30),
            outcome=EventType.OPEN,
            seed=1,
            threads=1,
            progress=lambda _: None,
        )
    return refusal.value


@pytest.mark.parametrize("fault", ["send_id", "user_id"])
def test_opens_that_belong_to_no_send_of_their_user_are_named(empty_log: Log, fault: str) -> None:
    events = [
        replace(each, **{fault: f"x-{getattr(each, fault)}"})
        if each.event_type is EventType.OPEN
        else each
        for each in a_log(answered=1)
    ]
    told = refused(empty_log, events)
    assert told.code == "one_outcome"
    assert told.hint is not None
    assert "answers belong to no send of their user" in told.hint


@pytest.mark.parametrize(("answered", "share"), [(0, "none"), (4, "all")])
def test_a_log_that_ended_alike_is_refused(empty_log: Log, answered: int, share: str) -> None:
    told = refused(empty_log, a_log(answered=answered))
    assert told.code == "one_outcome"
    assert told.message.startswith(f"{share} of the ")


def test_one_of_each_is_enough() -> None:
    require_both_outcomes(np.array([0.0, 0.0, 1.0]), does="judge", notes=())


def test_a_send_id_of_a_user_for_all_time_is_named(empty_log: Log) -> None:
    events = [replace(each, send_id=SendId("welcome")) for each in a_log(answered=1)]
    told = refused(empty_log, events)
    assert told.hint is not None
    assert "`send` events tell again of a send of the same user" in told.hint
