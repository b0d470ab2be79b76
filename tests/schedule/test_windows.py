"""Which instants of a window are candidates, against a scan of every single minute."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from examples import at_most
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sendopt.quiet_hours import in_quiet_hours
from sendopt.records import QuietHours
from sendopt.schedule.windows import (
    first_allowed,
    instants_showing,
    minutes_apart,
    times_of_day,
)

MINUTE = timedelta(minutes=1)
AUTUMN = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)  # the evening before they go back

zones = st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo)
minutes = st.integers(min_value=0, max_value=30 * 366 * 24 * 60 - 1).map(
    lambda minute: datetime(2000, 1, 1, tzinfo=UTC) + minute * MINUTE
)
#: Clocks change somewhere in these nights far more often than in a random window.
changes = st.sampled_from(
    [
        datetime(year, month, day, tzinfo=UTC)
        for year in (2008, 2011, 2018, 2024, 2026)
        for month, days in ((3, range(7, 31)), (4, (4, 5)), (10, range(3, 31)), (11, (1, 2)))
        for day in days
    ]
)
starts = st.one_of(minutes, changes)
lengths = st.integers(min_value=1, max_value=50 * 60).map(lambda count: count * MINUTE)
slots = st.sampled_from([5, 15, 30, 60, 90, 120, 480, 1440]).map(lambda count: count * MINUTE)
clock_times = st.times(min_value=time(0), max_value=time(23, 59)).map(
    lambda shown: shown.replace(second=0, microsecond=0)
)
quiet_hours = st.builds(QuietHours, clock_times, clock_times).filter(lambda q: q.start != q.end)


def every_minute(earliest_at: datetime, latest_at: datetime) -> list[datetime]:
    count = -((earliest_at - latest_at) // MINUTE)
    return [earliest_at + index * MINUTE for index in range(count)]


@settings(max_examples=at_most(400))
@given(zone=zones, earliest_at=starts, length=lengths, slot=slots, fallback=clock_times)
@example(
    zone=ZoneInfo("Europe/Berlin"),
    earliest_at=AUTUMN,
    length=timedelta(hours=12),
    slot=timedelta(minutes=15),
    fallback=time(2, 30),
)
@example(  # clocks that fall back at midnight, into yesterday
    zone=ZoneInfo("America/Havana"),
    earliest_at=datetime(2026, 11, 1, 3, 0, tzinfo=UTC),
    length=timedelta(hours=4),
    slot=timedelta(minutes=30),
    fallback=time(0, 0),
)
@example(  # clocks that fall back one minute after midnight
    zone=ZoneInfo("America/St_Johns"),
    earliest_at=datetime(2008, 11, 2, 2, 30, tzinfo=UTC),
    length=timedelta(minutes=45),
    slot=timedelta(minutes=15),
    fallback=time(0, 0),
)
@example(  # a fallback time that spring skips
    zone=ZoneInfo("Europe/Berlin"),
    earliest_at=datetime(2026, 3, 29, tzinfo=UTC),
    length=timedelta(hours=6),
    slot=timedelta(hours=1),
    fallback=time(2, 17),
)
@example(  # a day that never was
    zone=ZoneInfo("Pacific/Apia"),
    earliest_at=datetime(2011, 12, 29, 20, 0, tzinfo=UTC),
    length=timedelta(hours=40),
    slot=timedelta(hours=1),
    fallback=time(18, 0),
)
@example(  # half an hour of daylight saving
    zone=ZoneInfo("Australia/Lord_Howe"),
    earliest_at=datetime(2026, 4, 4, 12, 0, tzinfo=UTC),
    length=timedelta(hours=6),
    slot=timedelta(minutes=15),
    fallback=time(1, 45),
)
def test_candidates_are_exactly_the_minutes_at_which_the_clock_shows_them(
    zone: ZoneInfo, earliest_at: datetime, length: timedelta, slot: timedelta, fallback: time
) -> None:
    times = times_of_day(slot, fallback)
    found = instants_showing(times, earliest_at, earliest_at + length, zone)
    expected = [
        minute
        for minute in every_minute(earliest_at, earliest_at + length)
        if minute.astimezone(zone).time() in times
    ]
    assert found == expected


@settings(max_examples=at_most(400))
@given(
    where=st.lists(zones, min_size=1, max_size=3),
    earliest_at=starts,
    length=lengths,
    quiet=st.lists(quiet_hours, min_size=1, max_size=2),
)
def test_the_first_allowed_instant_is_the_first_minute_that_is_quiet_nowhere(
    where: list[ZoneInfo], earliest_at: datetime, length: timedelta, quiet: list[QuietHours]
) -> None:
    found = first_allowed(earliest_at, earliest_at + length, where, quiet)
    allowed = (
        minute
        for minute in every_minute(earliest_at, earliest_at + length)
        if not any(in_quiet_hours(minute, zone, each) for zone in where for each in quiet)
    )
    assert found == next(allowed, None)


def shown(zone: str, earliest_at: datetime, hours: int, slot: timedelta) -> list[str]:
    found = instants_showing(
        times_of_day(slot), earliest_at, earliest_at + timedelta(hours=hours), ZoneInfo(zone)
    )
    return [instant.astimezone(ZoneInfo(zone)).strftime("%d %H:%M%z") for instant in found]


def test_a_local_time_that_spring_skips_is_no_candidate() -> None:
    assert shown("Europe/Berlin", datetime(2026, 3, 28, 23, 0, tzinfo=UTC), 5, 60 * MINUTE) == [
        "29 00:00+0100",
        "29 01:00+0100",
        "29 03:00+0200",
        "29 04:00+0200",
        "29 05:00+0200",
    ]


def test_a_local_time_that_autumn_repeats_is_two_candidates() -> None:
    assert shown("Europe/Berlin", datetime(2026, 10, 24, 23, 0, tzinfo=UTC), 4, 60 * MINUTE) == [
        "25 01:00+0200",
        "25 02:00+0200",
        "25 02:00+0100",
        "25 03:00+0100",
    ]


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Asia/Kolkata", "18:30"),  # +05:30
        ("Asia/Kathmandu", "18:15"),  # +05:45
        ("Australia/Eucla", "15:15"),  # +08:45
        ("Pacific/Chatham", "10:15"),  # +13:45 in summer
        ("Pacific/Kiritimati", "10:00"),  # +14:00, the first to see a day
        ("Pacific/Pago_Pago", "11:00"),  # -11:00, the last
    ],
)
def test_midnight_stands_where_the_zone_has_it(zone: str, first: str) -> None:
    day = datetime(2026, 10, 1, tzinfo=UTC)
    found = instants_showing([time(0)], day, day + timedelta(days=1), ZoneInfo(zone))
    assert [f"{instant:%H:%M}" for instant in found] == [first]


def test_the_window_takes_its_start_and_leaves_its_end() -> None:
    start, end = datetime(2026, 10, 1, 9, tzinfo=UTC), datetime(2026, 10, 1, 12, tzinfo=UTC)
    found = instants_showing(times_of_day(60 * MINUTE), start, end, ZoneInfo("UTC"))
    assert found == [start, start + 60 * MINUTE, start + 120 * MINUTE]


@given(one=clock_times, other=clock_times)
def test_the_clock_face_is_a_circle(one: time, other: time) -> None:
    apart = minutes_apart(one, other)
    assert apart == minutes_apart(other, one)
    assert 0 <= apart <= 720
    assert (apart == 0) == (one == other)
    walked = datetime.combine(datetime(2026, 1, 2, tzinfo=UTC), one)
    reached = {(walked + apart * MINUTE).time(), (walked - apart * MINUTE).time()}
    assert other in reached
