"""The hours of the law where a user lives, judged again as messages are handed over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from deliver.test_transitions import a_send

from sendopt.clock import zone_of
from sendopt.deliver.allowed_times import UNLIMITED, shown_until
from sendopt.deliver.best_time_left import best_time_left
from sendopt.deliver.providers import SimulatorProvider
from sendopt.deliver.retry import RetryPolicy
from sendopt.deliver.transitions import before_attempt
from sendopt.records import (
    Channel,
    DueSend,
    Ended,
    EndReason,
    Exclusion,
    MessageClass,
    Moved,
    SendingLimits,
    SendState,
    Slot,
    TenantId,
    ZoneSource,
)
from sendopt.state import plans, sending_limits
from sendopt.state.tables import decision

RETRY = RetryPolicy(first=timedelta(0), longest=timedelta(0), max_attempts=3)
HOUR = timedelta(hours=1)
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)  # 21:00 in Seoul
EIGHT_IN_SEOUL = datetime(2026, 10, 1, 23, tzinfo=UTC)
ACME = TenantId("acme")
LAWFUL = SendingLimits(legal_hours=True)


def of_seoul(**changes: object) -> DueSend:
    """A send that is due at nine in the evening in Seoul, for a day."""
    return replace(
        a_send(),
        timezone="Asia/Seoul",
        timezone_source=ZoneSource.LOG,
        expires_at=NOON + 24 * HOUR,
        is_under_law=True,
        **changes,
    )


def judged(send: DueSend) -> object:
    return before_attempt(send, now=send.due_at, retry=RETRY)


def test_what_the_law_forbids_moves_to_when_it_no_longer_does() -> None:
    assert judged(of_seoul()) == Moved(EIGHT_IN_SEOUL, Exclusion.LEGAL_HOURS)


def test_and_there_to_the_best_time_left() -> None:
    slots = [
        Slot(NOON + 2 * HOUR, 0.9, None),  # still forbidden
        Slot(EIGHT_IN_SEOUL, 0.1, Exclusion.LEGAL_HOURS),
        Slot(EIGHT_IN_SEOUL + 4 * HOUR, 0.3, Exclusion.LEGAL_HOURS),
    ]
    assert best_time_left(of_seoul(), slots, NOON, UNLIMITED) == EIGHT_IN_SEOUL + 4 * HOUR


def test_what_has_no_lawful_time_left_ends_with_the_law_as_its_reason() -> None:
    send = replace(of_seoul(), expires_at=EIGHT_IN_SEOUL)
    assert judged(send) == Ended(SendState.EXPIRED, EndReason.LEGAL_HOURS)


@pytest.mark.parametrize(
    "changes",
    [
        {"is_under_law": False},
        {"message_class": MessageClass.TRANSACTIONAL},
        {"message_class": MessageClass.URGENT},
        {"timezone_source": ZoneSource.TENANT},  # where the user lives nothing names
        {"timezone_source": ZoneSource.INFERRED},
        {"timezone_source": None},
        {"timezone": "Asia/Tokyo"},  # of which no law is known
        {"profile_timezone": "Asia/Tokyo"},  # who has moved there
    ],
)
def test_who_is_under_no_law_is_sent_to(changes: dict[str, object]) -> None:
    assert judged(replace(of_seoul(), **changes)) is None


@pytest.mark.parametrize("source", [*ZoneSource])
def test_who_has_moved_into_a_country_is_under_its_law(source: ZoneSource) -> None:
    send = replace(
        of_seoul(),
        timezone="Europe/Berlin",
        timezone_source=source,
        profile_timezone="Asia/Seoul",
    )
    assert judged(send) == Moved(EIGHT_IN_SEOUL, Exclusion.LEGAL_HOURS)


def test_to_ignore_quiet_hours_is_no_leave_to_break_the_law() -> None:
    assert judged(of_seoul(ignores_quiet_hours=True)) == Moved(
        EIGHT_IN_SEOUL, Exclusion.LEGAL_HOURS
    )


def test_nothing_is_shown_in_forbidden_hours() -> None:
    send = replace(of_seoul(), due_at=NOON - 3 * HOUR)
    assert shown_until(send, NOON - 3 * HOUR) == NOON
    assert shown_until(send, EIGHT_IN_SEOUL) == send.expires_at


@pytest.mark.parametrize("sunday", [date(2026, 3, 29), date(2026, 10, 25)])
def test_a_sunday_of_which_clocks_make_more_or_less_is_forbidden_from_end_to_end(
    sunday: date,
) -> None:
    paris, day = zone_of("Europe/Paris"), timedelta(days=1)
    begins = datetime.combine(sunday - day, time(22), paris).astimezone(UTC)
    ends = datetime.combine(sunday + day, time(8), paris).astimezone(UTC)
    send = replace(
        of_seoul(),
        channel=Channel.WEBHOOK,
        timezone="Europe/Paris",
        due_at=begins - timedelta(minutes=1),
        expires_at=ends + HOUR,
    )
    assert judged(send) is None
    assert shown_until(send, send.due_at) == begins
    assert ends - begins in {33 * HOUR, 35 * HOUR}
    for minutes in range(0, 36 * 60, 17):
        at = begins + timedelta(minutes=minutes)
        if at < ends:
            assert judged(replace(send, due_at=at)) == Moved(ends, Exclusion.LEGAL_HOURS)


def test_dispatchers_hold_to_the_law_that_is_in_force(sends, dispatcher, clock) -> None:
    [before] = sends.plan(campaign_id="before", due_at=lambda _n: NOON)
    sends.change(decision, timezone="Asia/Seoul", timezone_source="user")
    handed_over = {}
    made = dispatcher(SimulatorProvider(lambda m: handed_over.setdefault(m.send_id, clock.now())))
    made.dispatch_due()
    with sends.state.write(ACME) as tx:
        sending_limits.put(tx, LAWFUL, now=NOON)
    [after] = sends.plan(campaign_id="after", due_at=lambda _n: NOON, time_to_live=24 * HOUR)
    sends.change(decision, timezone="Asia/Seoul", timezone_source="user")
    made.dispatch_due()
    clock.advance_to(made.next_ready_at())
    made.dispatch_due()
    assert handed_over == {before: NOON, after: EIGHT_IN_SEOUL}
    with sends.state.read(ACME) as tx:
        [moved] = plans.get_send(tx, after).moves
    assert (moved.until, moved.reason) == (EIGHT_IN_SEOUL, "legal_hours")
