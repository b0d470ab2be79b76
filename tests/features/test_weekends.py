"""Weekends are those of the zone, as they stood on the day, from local midnight to midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib import resources
from zoneinfo import available_timezones

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.features import AsOfView, Target, Viewpoints, viewpoints
from sendopt.features.local_time.weekends import is_weekend, weekend_days
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

SHOP = TenantId("shop")
DAY = timedelta(days=1)
DAY_US = 86_400_000_000
ZONES = tuple(sorted(available_timezones()))
days = st.dates(date(1970, 1, 1), date(2099, 12, 31))


def us(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_US


def weekend(zone: str, day: date) -> set[int]:
    """Return the days of the week that begins with `day` on which `zone` rests."""
    found = is_weekend([zone], np.zeros(7, np.int16), us(day) + np.arange(7) * DAY_US)
    return {(day.weekday() + number) % 7 for number in np.flatnonzero(found).tolist()}


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Europe/Berlin", date(2026, 1, 5), {5, 6}),
        ("Asia/Kolkata", date(2026, 1, 5), {5, 6}),
        ("UTC", date(2026, 1, 5), {5, 6}),
        ("Etc/GMT-3", date(2026, 1, 5), {5, 6}),
        ("Antarctica/Newly_Founded", date(2026, 1, 5), {5, 6}),
        ("Africa/Cairo", date(2026, 1, 5), {4, 5}),
        ("Asia/Tehran", date(2026, 1, 5), {4}),
        ("Asia/Brunei", date(2026, 1, 5), {4, 6}),
        ("Asia/Dubai", date(2021, 12, 20), {4, 5}),
        ("Asia/Dubai", date(2022, 1, 3), {5, 6}),
        ("Asia/Riyadh", date(2013, 6, 17), {3, 4}),
        ("Asia/Riyadh", date(2013, 7, 1), {4, 5}),
        ("Asia/Riyadh", date(2013, 6, 24), {3, 4, 5}),  # moved on the Saturday
        ("Asia/Muscat", date(2013, 4, 22), {3, 4}),
        ("Asia/Muscat", date(2013, 4, 29), {4, 5}),
        ("Asia/Amman", date(2026, 1, 5), {4, 5}),
        ("Asia/Kabul", date(2026, 1, 5), {4}),
    ],
)
def test_a_weekend_is_that_of_its_zone_and_time(zone: str, day: date, expected: set[int]) -> None:
    assert weekend(zone, day) == expected


@given(zone=st.sampled_from(ZONES), day=days, us_of_day=st.integers(0, DAY_US - 1))
def test_a_day_is_weekend_from_midnight_to_midnight(zone: str, day: date, us_of_day: int) -> None:
    at_us = us(day) + np.array([0, us_of_day, DAY_US - 1])
    found = is_weekend([zone], np.zeros(3, np.int16), at_us)
    week = weekend_days([zone], np.zeros(3, np.int16), at_us)
    assert found.tolist() == week[:, day.weekday()].tolist() == [found[0]] * 3
    assert week.sum(axis=1).tolist() in ([1] * 3, [2] * 3)


@given(
    asked=st.lists(st.tuples(st.integers(0, len(ZONES) - 1), days), min_size=1, max_size=9),
)
def test_times_of_many_zones_are_told_apart(asked: list[tuple[int, date]]) -> None:
    number, at = zip(*asked, strict=True)
    at_us = np.array([us(day) for day in at])
    together = is_weekend(ZONES, np.array(number, np.int16), at_us)
    alone = [
        is_weekend([ZONES[zone]], np.zeros(1, np.int16), at_us[row : row + 1])[0]
        for row, zone in enumerate(number)
    ]
    assert together.tolist() == alone


def test_old_names_of_a_zone_rest_on_the_same_days() -> None:
    """The database names the zone that each old name stands for, and each zone's country."""
    database = resources.files("tzdata") / "zoneinfo"
    of_country: dict[str, set[tuple[int, ...]]] = {}
    countries = {}
    for line in (database / "zone.tab").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            countries[zone] = country
            rest = tuple(sorted(weekend(zone, date(2026, 1, 5))))
            of_country.setdefault(country, set()).add(rest)
    assert {country for country, rests in of_country.items() if len(rests) > 1} == set()
    for line in (database / "tzdata.zi").read_text("utf-8").splitlines():
        kind, *names = line.split(" ")
        if kind == "L" and names[1] not in countries:
            assert weekend(names[0], date(2026, 1, 5)) == weekend(names[1], date(2026, 1, 5)), names


def append(log: Log, *found: tuple[str, datetime, str]) -> None:
    events = [
        Event(str(number), UserId(user), EventType.SESSION, at, timezone=zone)
        for number, (user, at, zone) in enumerate(found)
    ]
    with log.appender() as appender:
        appender.append(SHOP, event_table(events))


def test_a_weekend_begins_and_ends_at_local_midnight(empty_log: Log) -> None:
    """In Cairo, where clocks are put forward on the last Friday of April, at midnight."""
    friday = datetime(2026, 4, 23, 22, tzinfo=UTC)  # 1:00 of summer time: there is no 0:00
    sunday = datetime(2026, 4, 25, 21, tzinfo=UTC)
    minute = timedelta(minutes=1)
    around = [friday - minute, friday, sunday - minute, sunday]
    append(empty_log, *(("ann", at, "Africa/Cairo") for at in around))
    with empty_log.reader(SHOP) as reader:
        instants = pa.chunked_array([pa.array([sunday + DAY] * 4)])
        seen, number = viewpoints(pa.chunked_array([["ann"] * 4]), instants)
        view = AsOfView(reader, Target(timedelta(minutes=30)))
        asked = view.moments(seen, number, pa.chunked_array([pa.array(around)]))
        cells = view.observations["cell"].to_pylist()
    assert asked.day_type.tolist() == [0, 1, 1, 0]
    assert asked.day_of_week.tolist() == [3, 4, 5, 6]
    assert cells == [47, 48 + 2, 48 + 47, 0]


def test_whoever_moves_rests_as_people_do_there(empty_log: Log) -> None:
    """Fridays are weekend in Cairo and not in Berlin; strangers live in UTC."""
    friday = datetime(2026, 10, 2, 12, tzinfo=UTC)
    append(
        empty_log,
        ("ann", friday, "Africa/Cairo"),
        ("ann", friday + 7 * DAY, "Europe/Berlin"),
    )
    instants = pa.array([friday + DAY, friday + 8 * DAY, friday])
    with empty_log.reader(SHOP) as reader:
        view = AsOfView(reader, Target(timedelta(minutes=30)))
        cells = view.observations["cell"].to_numpy()
        seen = Viewpoints(pa.array(["ann", "ann", "bob"]), instants)
        week = view.hours_of_week(seen).day_type.reshape(3, 7, 24)
    assert (cells >= 48).tolist() == [True, False]
    assert [np.flatnonzero(row.all(axis=1)).tolist() for row in week] == [[4, 5], [5, 6], [5, 6]]
    assert week.sum() == 6 * 24
