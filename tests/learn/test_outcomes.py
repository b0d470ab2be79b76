"""A log in which everything ended alike teaches nothing, and is refused with its likely reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sendopt.errors import InvalidInput
from sendopt.features import Target
from sendopt.learn.backtest import backtest
from sendopt.learn.past.outcomes import require_both_outcomes, require_outcome
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
BEGIN = datetime(2026, 9, 1, 12, tzinfo=UTC)
USERS, DAYS = 30, 20


def a_log(*, answered: int, after: timedelta = timedelta(minutes=10)) -> list[Event]:
    """A send a day; of every four, `answered` are opened, `after` the send."""
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
                    occurred_at=at + after,
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


@pytest.mark.parametrize(("minutes", "share"), [(45, "none"), (10, "all")])
def test_a_log_that_ended_alike_is_refused(empty_log: Log, minutes: int, share: str) -> None:
    told = refused(empty_log, a_log(answered=4, after=timedelta(minutes=minutes)))
    assert told.code == "one_outcome"
    assert told.message.startswith(f"{share} of the ")


def test_a_log_without_any_event_of_the_outcome_is_refused_with_what_it_holds(
    empty_log: Log,
) -> None:
    told = refused(empty_log, a_log(answered=0))
    assert (told.code, told.field) == ("outcome_absent", "outcome")
    assert told.message == "the log holds no `open` event, only 600 `send`"
    assert told.hint == "ingest `open` events that name the `user_id` and `send_id` of their send"


@pytest.mark.parametrize(
    ("outcome", "there", "refused"),
    [
        (EventType.OPEN, {EventType.SEND, EventType.SESSION}, False),  # activity stands in
        (EventType.OPEN, {EventType.SESSION}, False),
        (EventType.CLICK, {EventType.SESSION}, True),
        (EventType.CLICK, {EventType.SEND, EventType.OPEN, EventType.SESSION}, True),
        (EventType.RESPONSE, {EventType.SEND, EventType.CLICK}, True),
        (EventType.CLICK, {EventType.SEND, EventType.CLICK}, False),
        (EventType.CLICK, set(), False),  # of an empty log something else is said
    ],
)
def test_activity_stands_in_for_an_open_and_for_nothing_else(
    outcome: EventType, there: set[EventType], refused: bool
) -> None:
    target, kinds = Target(timedelta(minutes=30), outcome), dict.fromkeys(there, 1_000)
    if not refused:
        require_outcome(kinds, target)
        return
    with pytest.raises(InvalidInput) as told:
        require_outcome(kinds, target)
    others = there & {EventType.OPEN, EventType.CLICK, EventType.RESPONSE}
    for other in others:
        assert f"`--outcome {other}`" in str(told.value)


def test_one_of_each_is_enough() -> None:
    require_both_outcomes(np.array([0.0, 0.0, 1.0]), does="judge", notes=())


def test_a_send_id_of_a_user_for_all_time_is_named(empty_log: Log) -> None:
    events = [replace(each, send_id=SendId("welcome")) for each in a_log(answered=1)]
    told = refused(empty_log, events)
    assert told.hint is not None
    assert "`send` events tell again of a send of the same user" in told.hint
