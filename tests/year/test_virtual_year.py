"""Daily campaigns in 40 zones: nobody is skipped, sent to twice a day, or in forbidden time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import pytest
import pytz
from virtual_year import CARRIED_OUT, DAILY, ZONES, Found, carried_out, planned_year, the_days

from sendopt.clock import zone_database

pytestmark = pytest.mark.skipif(
    zone_database() != pytz.OLSON_VERSION, reason="the oracle has another database of zones"
)


def require_each_once(found: Found, days: Sequence[date], *, users: int) -> None:
    assert len(ZONES) == 40
    assert found.sends == users * len(DAILY) * len(days)
    assert found.skipped(days) == found.doubled == found.forbidden == found.late == 0


def test_dates_on_which_clocks_are_changed_are_days_like_others() -> None:
    require_each_once(planned_year(CARRIED_OUT, users_a_zone=2), CARRIED_OUT, users=80)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_year_is_planned_on_the_clocks_of_everybody() -> None:
    days = the_days()
    require_each_once(planned_year(days), days, users=200)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_planned_is_handed_over_when_it_may_be() -> None:
    require_each_once(carried_out(CARRIED_OUT), CARRIED_OUT, users=40)


def test_the_judge_sees_what_is_wrong() -> None:
    evening = DAILY[0]
    found = Found({"ann": "Europe/Berlin"})
    day = date(2026, 10, 25)
    for hour in (15, 16, 20):  # in UTC; in Berlin it is an hour later, by then
        found.see(evening, day, "ann", _at(day, hour))
    found.see_end(evening, day, "ann", _at(day, 21))
    assert (found.forbidden, found.doubled, found.late) == (2, 2, 1)
    assert found.skipped([day]) == len(DAILY) - 1


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(0), tzinfo=UTC) + timedelta(hours=hour)
