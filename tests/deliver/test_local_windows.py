"""A window in local dates is judged at the hand-over, on the clock that the user has by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from deliver.test_transitions import a_send

from sendopt.deliver.allowed_times import allowed_at, barred_by, shown_until
from sendopt.deliver.retry import RetryPolicy
from sendopt.deliver.transitions import before_attempt
from sendopt.records import (
    Channel,
    Device,
    DeviceId,
    DueSend,
    EndReason,
    Exclusion,
    LocalWindow,
    Moved,
    QuietHours,
    SendState,
    UserId,
)

HOUR = timedelta(hours=1)
MORNING = LocalWindow((date(2026, 12, 25),), time(8), time(12))
NINE_IN_VIENNA = datetime(2026, 12, 25, 8, tzinfo=UTC)
RETRY = RetryPolicy(first=timedelta(0), longest=timedelta(0), max_attempts=3)


def christmas(device_zone: str | None, *, expires_in: timedelta = 3 * HOUR) -> DueSend:
    user = UserId("ann")
    return replace(
        a_send(),
        due_at=NINE_IN_VIENNA,
        expires_at=NINE_IN_VIENNA + expires_in,
        timezone="Europe/Vienna",
        device=Device(DeviceId("d-1"), user, Channel.SIMULATOR, {}, timezone=device_zone),
        local_window=MORNING,
    )


def test_who_stayed_gets_it_at_its_time_and_sees_it_before_noon() -> None:
    send = christmas(None, expires_in=9 * HOUR)
    assert before_attempt(send, now=NINE_IN_VIENNA, retry=RETRY) is None
    assert shown_until(send, NINE_IN_VIENNA) == NINE_IN_VIENNA + 3 * HOUR


def test_who_is_where_it_is_not_yet_the_day_waits_for_it() -> None:
    send = christmas("America/New_York", expires_in=9 * HOUR)
    assert barred_by(send, NINE_IN_VIENNA) is Exclusion.LOCAL_WINDOW
    eight_there = datetime(2026, 12, 25, 13, tzinfo=UTC)
    moved = before_attempt(send, now=NINE_IN_VIENNA, retry=RETRY)
    assert moved == Moved(eight_there, Exclusion.LOCAL_WINDOW)


def test_who_is_where_the_morning_is_over_gets_nothing_and_is_told_why() -> None:
    send = christmas("Asia/Tokyo")
    ended = before_attempt(send, now=NINE_IN_VIENNA, retry=RETRY)
    assert ended is not None
    assert (ended.state, ended.reason) == (SendState.SUPPRESSED, EndReason.NO_ALLOWED_SLOT)


def test_quiet_hours_and_the_window_must_both_let_it_out() -> None:
    send = replace(
        christmas("America/New_York", expires_in=9 * HOUR),
        quiet_hours=QuietHours(time(22), time(9, 30)),
    )
    half_past_nine_there = datetime(2026, 12, 25, 14, 30, tzinfo=UTC)
    assert allowed_at(send, NINE_IN_VIENNA) == half_past_nine_there
