"""When it is a local date somewhere, against clocks and calendars at every single minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from examples import at_most
from hypothesis import example, given, settings
from hypothesis import strategies as st
from schedule.oracle.local_window import MINUTE, shows

from sendopt.clock import zone_names, zone_of
from sendopt.clock_changes import clock_settings
from sendopt.local_window import Span, everywhere, next_span, spans_in
from sendopt.records import LocalWindow

zones = st.sampled_from(
    [
        *("Europe/Berlin", "America/Havana", "Africa/Casablanca", "Australia/Lord_Howe"),
        *("America/Santiago", "Antarctica/Troll", "Asia/Gaza", "Africa/Cairo"),
    ]
) | st.sampled_from(sorted(zone_names()))
#: Clocks change somewhere in these nights far more often than in others.
dates = st.dates(date(2000, 1, 1), date(2037, 12, 30)) | st.sampled_from(
    [
        date(year, month, day)
        for year in (2008, 2011, 2018, 2024, 2026)
        for month, days in ((3, (7, 8, 28, 29, 30)), (4, (4, 5)), (10, (24, 25, 29)), (11, (1, 2)))
        for day in days
    ]
)
times = st.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


@st.composite
def windows(draw: st.DrawFn) -> LocalWindow:
    first = draw(dates)
    after = draw(st.sampled_from([(), (1,), (1, 2), (2,)]))
    days = (first, *(first + timedelta(days=each) for each in after))
    start = draw(times | st.just(time(0)))
    return LocalWindow(days, start, draw(times | st.just(start)))


def every_minute(window: LocalWindow) -> list[datetime]:
    """Return all minutes from well before until well after the window, wherever one lives."""
    begins_at = datetime.combine(window.dates[0], time(0), tzinfo=UTC) - timedelta(hours=20)
    ends_at = datetime.combine(window.dates[-1], time(0), tzinfo=UTC) + timedelta(hours=64)
    return [begins_at + index * MINUTE for index in range((ends_at - begins_at) // MINUTE)]


@settings(max_examples=at_most(250))
@given(window=windows(), name=zones)
@example(LocalWindow((date(2011, 12, 30),)), "Pacific/Apia")  # a day that never was
@example(LocalWindow((date(2011, 12, 29), date(2011, 12, 31))), "Pacific/Apia")
@example(LocalWindow((date(2026, 3, 29),), time(2, 10), time(2, 50)), "Europe/Berlin")  # skipped
@example(LocalWindow((date(2026, 10, 25),), time(1, 30), time(2, 30)), "Europe/Berlin")  # twice
@example(LocalWindow((date(2026, 10, 31), date(2026, 11, 1))), "America/Havana")
@example(LocalWindow((date(2026, 4, 4),), time(22), time(22)), "America/Santiago")
@example(LocalWindow((date(2026, 4, 5),), time(1, 45), time(1, 50)), "Australia/Lord_Howe")
def test_spans_hold_exactly_the_minutes_at_which_clocks_there_show_the_window(
    window: LocalWindow, name: str
) -> None:
    zone = zone_of(name)
    spans = spans_in(window, zone)
    minutes = every_minute(window)
    assert {at for at in minutes if any(begin <= at < end for begin, end in spans)} == {
        at for at in minutes if shows(window, zone, at)
    }
    first, last = everywhere(window)
    for before, after in pairwise(spans):
        assert before.ends_at < after.begins_at
    for begin, end in spans:
        assert first <= begin < end <= last


@pytest.mark.parametrize(
    ("zone", "begins", "ends"),
    [
        ("Pacific/Kiritimati", "24 18:00", "24 22:00"),  # +14, the first to see a day
        ("Pacific/Chatham", "24 18:15", "24 22:15"),  # +13:45 in summer
        ("Asia/Kathmandu", "25 02:15", "25 06:15"),
        ("Europe/Berlin", "25 07:00", "25 11:00"),
        ("America/Los_Angeles", "25 16:00", "25 20:00"),
        ("Pacific/Pago_Pago", "25 19:00", "25 23:00"),  # -11
        ("Etc/GMT+12", "25 20:00", "26 00:00"),  # -12, the last
    ],
)
def test_christmas_morning_comes_to_each_zone_in_its_turn(
    zone: str, begins: str, ends: str
) -> None:
    morning = LocalWindow((date(2026, 12, 25),), time(8), time(12))
    ((begin, end),) = spans_in(morning, zone_of(zone))
    assert (f"{begin:%d %H:%M}", f"{end:%d %H:%M}") == (begins, ends)


def test_days_on_end_are_one_span_and_a_short_or_long_day_is_whole() -> None:
    week = tuple(date(2026, 10, day) for day in range(20, 27))
    ((begin, end),) = spans_in(LocalWindow(week), zone_of("Europe/Berlin"))
    assert end - begin == timedelta(days=7, hours=1)


def test_the_next_span_begins_now_where_now_is_in_one() -> None:
    zone = zone_of("Europe/Berlin")
    mornings = LocalWindow((date(2026, 12, 24), date(2026, 12, 26)), time(8), time(12))
    first, second = spans_in(mornings, zone)
    assert next_span(mornings, zone, first.begins_at - MINUTE) == first
    assert next_span(mornings, zone, first.begins_at + MINUTE) == Span(
        first.begins_at + MINUTE, first.ends_at
    )
    assert next_span(mornings, zone, first.ends_at) == second
    assert next_span(mornings, zone, second.ends_at) is None


@settings(max_examples=at_most(200))
@given(name=zones, day=dates, minutes=st.integers(1, 40 * 24 * 60), second=st.integers(0, 59))
def test_clock_settings_are_those_of_every_hour(
    name: str, day: date, minutes: int, second: int
) -> None:
    zone = zone_of(name)
    begin = datetime.combine(day, time(3, 17, second), tzinfo=UTC)
    end = begin + minutes * MINUTE
    found = clock_settings(zone, begin, end)
    assert found[0].from_at == begin
    for (_, before), (change, after) in pairwise(found):
        assert change < end
        assert (change - timedelta(seconds=1)).astimezone(zone).utcoffset() == before
        assert change.astimezone(zone).utcoffset() == after != before
    at, place = begin, 0
    while at < end:
        while place + 1 < len(found) and found[place + 1].from_at <= at:
            place += 1
        assert at.astimezone(zone).utcoffset() == found[place].offset
        at += timedelta(hours=1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_zone_changes_its_clocks_twice_within_six_days() -> None:
    step = timedelta(hours=12)
    begin, end = datetime(1970, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)
    looks = [begin + index * step for index in range((end - begin) // step)]
    for name in zone_names():
        zone = zone_of(name)
        offsets = [at.astimezone(zone).utcoffset() for at in looks]
        changed = [
            at for at, pair in zip(looks, pairwise(offsets), strict=False) if len({*pair}) > 1
        ]
        # Looked at every twelve hours, changes may be up to so much closer than they seem.
        assert all(b - a - step >= timedelta(days=6) for a, b in pairwise(changed)), name
