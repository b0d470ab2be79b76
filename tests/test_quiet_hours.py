"""Quiet hours in every zone, across every change of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from sendopt.errors import InvalidInput
from sendopt.quiet_hours import in_quiet_hours, next_allowed, next_quiet_anywhere
from sendopt.records import QuietHours

NIGHT = QuietHours(start=time(22), end=time(7))
zones = st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo)
instants = st.integers(0, 48 * 366 * 86_400).map(
    lambda seconds: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
quiet_hours = st.builds(QuietHours, st.times(), st.times()).filter(
    lambda quiet: quiet.start != quiet.end
)


@settings(max_examples=at_most(500))
@given(instants, zones, quiet_hours)
def test_the_next_allowed_instant_is_allowed_and_none_before_it_is(instant, zone, quiet):
    allowed_at = next_allowed(instant, zone, quiet)
    assert not in_quiet_hours(allowed_at, zone, quiet)
    assert instant <= allowed_at <= instant + timedelta(days=3)
    if allowed_at > instant:
        assert in_quiet_hours(allowed_at - timedelta(microseconds=1), zone, quiet)
        step = (allowed_at - instant) / 97
        assert all(in_quiet_hours(instant + step * part, zone, quiet) for part in range(97))


@settings(max_examples=at_most(500))
@given(
    instants,
    st.lists(zones, min_size=1, max_size=2),
    st.lists(quiet_hours, max_size=2),
    st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_nothing_is_quiet_before_the_next_quiet_instant(instant, places, quiet, lasting):
    until = instant + lasting

    def is_quiet(at):
        return any(in_quiet_hours(at, zone, each) for zone in places for each in quiet)

    begins = next_quiet_anywhere(instant, places, quiet, until=until)
    assert instant <= begins <= until
    assert begins == until or is_quiet(begins)
    step = (begins - instant) / 97
    assert not step or not any(is_quiet(instant + step * part) for part in range(97))


@given(instants, zones)
def test_local_clocks_show_a_quiet_time_exactly_in_quiet_hours(instant, zone):
    hour = instant.astimezone(zone).hour
    assert in_quiet_hours(instant, zone, NIGHT) == (hour >= 22 or hour < 7)


@given(zones, quiet_hours)
def test_the_start_is_quiet_and_the_end_is_not_by_day_and_over_midnight(zone, quiet):
    def shown(at):
        return datetime.combine(date(2026, 6, 17), at, tzinfo=zone).astimezone(UTC)  # no change

    assert in_quiet_hours(shown(quiet.start), zone, quiet)
    assert not in_quiet_hours(shown(quiet.end), zone, quiet)
    assert in_quiet_hours(shown(quiet.end) - timedelta(microseconds=1), zone, quiet)


@given(instants, zones, st.times())
def test_a_start_that_is_the_end_is_the_whole_day(instant, zone, at):
    whole_day = QuietHours(at, at)
    assert in_quiet_hours(instant, zone, whole_day)
    with pytest.raises(InvalidInput) as refused:
        next_allowed(instant, zone, whole_day)
    assert refused.value.code == "no_feasible_slot"


@pytest.mark.parametrize(
    ("zone", "quiet", "instant", "allowed_at"),
    [
        # Berlin, 29 March 2026: 02:00 becomes 03:00; the night is an hour shorter.
        ("Europe/Berlin", (time(22), time(7)), "2026-03-28T21:30Z", "2026-03-29T05:00Z"),
        # The end, 02:30, does not exist: clocks jump over it at 01:00 UTC.
        ("Europe/Berlin", (time(22), time(2, 30)), "2026-03-28T21:30Z", "2026-03-29T01:00Z"),
        # Berlin, 25 October 2026: 03:00 becomes 02:00; 02:30 comes twice, the first one ends it.
        ("Europe/Berlin", (time(22), time(2, 30)), "2026-10-24T20:30Z", "2026-10-25T00:30Z"),
        # ... and the half hour before the second 02:30 is quiet again.
        ("Europe/Berlin", (time(22), time(2, 30)), "2026-10-25T01:10Z", "2026-10-25T01:30Z"),
        # Quiet from 02:30 on: at 01:00 UTC clocks fall back out of it, for half an hour.
        ("Europe/Berlin", (time(2, 30), time(7)), "2026-10-25T00:40Z", "2026-10-25T01:00Z"),
        # Lord Howe moves by half an hour; Chatham lies at 12:45.
        ("Australia/Lord_Howe", (time(22), time(7)), "2026-10-03T12:00Z", "2026-10-03T20:00Z"),
        ("Pacific/Chatham", (time(22), time(7)), "2026-07-01T10:00Z", "2026-07-01T18:15Z"),
        # Samoa had no 30 December 2011: the night of the 29th ends on the 31st.
        ("Pacific/Apia", (time(22), time(7)), "2011-12-30T09:00Z", "2011-12-30T17:00Z"),
    ],
)
def test_changes_of_the_clocks(zone, quiet, instant, allowed_at):
    found = next_allowed(
        datetime.fromisoformat(instant), ZoneInfo(zone), QuietHours(quiet[0], quiet[1])
    )
    assert found == datetime.fromisoformat(allowed_at)
