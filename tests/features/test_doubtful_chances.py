"""Propensities that cannot be the chances of their times are named, counted, with an example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sendopt.features import Body, DoubtfulChances, Target, summarise
from sendopt.learn.past.notes import notes_on_log
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)
END = NINE + timedelta(days=30)
TARGET = Target(timedelta(minutes=30))

Told = tuple[str, str, int, float | None]  # user, send, hours after NINE, propensity


def sends(*told: Told) -> list[Event]:
    return [
        Event(
            f"e{number}",
            UserId(user),
            EventType.SEND,
            NINE + timedelta(hours=hours),
            send_id=SendId(send),
            propensity=propensity,
        )
        for number, (user, send, hours, propensity) in enumerate(told)
    ]


def found_in(log: Log, *told: Told) -> tuple[DoubtfulChances, str]:
    """Return what is doubtful, and what is said of it."""
    with log.appender() as appender:
        appender.append(SHOP, event_table(sends(*told)))
    with log.reader(SHOP) as reader:
        summary = summarise(reader, TARGET, until=END)
    said = notes_on_log(Body(NINE, END), summary, TARGET)
    return summary.chances, "; ".join(note for note in said if "propensities" in note)


def test_chances_of_one_send_that_add_up_to_more_than_one_are_named(empty_log: Log) -> None:
    found, said = found_in(
        empty_log,
        *(("ann", "m1", 0, 0.7), ("ann", "m1", 5, 0.6), ("bob", "m1", 0, 0.7)),
        *(
            ("bob", "m2", 0, 0.5),
            ("bob", "m2", 5, 0.5),
            ("eve", "m3", 0, 0.9),
            ("eve", "m3", 3, 1.0),
        ),
    )
    assert (found.summed_sends, found.summed) == (2, ("ann", "m1", pytest.approx(1.3)))
    assert "of 2 sends" in said
    assert '1.3 of send "m1" of user "ann"' in said


def test_a_send_that_is_told_of_twice_at_its_time_has_one_chance(empty_log: Log) -> None:
    found, said = found_in(empty_log, ("ann", "m1", 0, 0.7), ("ann", "m1", 0, 0.7))
    assert (found.summed_sends, found.summed, said) == (0, None, "")


def test_certain_choices_of_different_hours_are_named(empty_log: Log) -> None:
    found, said = found_in(
        empty_log, ("ann", "m1", 0, 1.0), ("bob", "m2", 0, 1.0), ("bob", "m3", 30, 1.0)
    )
    assert (found.logged, found.certain, found.moved_users, found.moved_user) == (3, 3, 1, "bob")
    assert "all 3 logged propensities are exactly 1" in said
    assert '1 users were sent to at different hours, such as "bob"' in said


@pytest.mark.parametrize(
    "told",
    [
        (("ann", "m1", 0, 1.0), ("ann", "m2", 24, 1.0), ("bob", "m3", 5, 1.0)),  # an hour each
        (("ann", "m1", 0, 1.0), ("ann", "m2", 30, 0.5)),  # some are drawn
        (("ann", "m1", 0, None), ("ann", "m2", 30, None)),  # nothing was logged
        (("ann", "s_1", 0, 1.0), ("ann", "s_2", 30, 1.0)),  # sendopt knows by what it drew
    ],
)
def test_chances_that_can_be_true_are_not_doubted(empty_log: Log, told: tuple[Told, ...]) -> None:
    assert found_in(empty_log, *told)[1] == ""
