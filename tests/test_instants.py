"""The years that anything may be dated with, and what every door says of the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.bill.periods import bounds, following, period_of, periods_between
from sendopt.clock import EARLIEST_AT, LATEST_AT, parse_instant
from sendopt.errors import InvalidInput


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_read_exactly_within_the_years_that_can_be(instant: datetime) -> None:
    if EARLIEST_AT <= instant < LATEST_AT:
        assert parse_instant(instant.isoformat()) == instant
    else:
        with pytest.raises(InvalidInput) as refused:
            parse_instant(instant.isoformat(), field="/at")
        assert (refused.value.code, refused.value.field) == ("time_invalid", "/at")
        assert "1971 to 2099" in str(refused.value)


@given(st.datetimes(EARLIEST_AT.replace(tzinfo=None), LATEST_AT.replace(tzinfo=None)))
def test_no_arithmetic_of_ours_leaves_the_calendar_from_there(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)
    for far in (timedelta(days=366), -timedelta(days=366)):
        assert datetime.min.replace(tzinfo=UTC) < instant + far < datetime.max.replace(tzinfo=UTC)


@given(st.datetimes(max_value=datetime(9998, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_whatever_was_recorded_belongs_to_a_period_that_can_be_read(instant: datetime) -> None:
    period = period_of(instant)
    begin, end = bounds(period)
    assert begin <= instant < end
    assert periods_between(period, following(period)) == [period, following(period)]
