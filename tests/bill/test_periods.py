"""Months in UTC, to the microsecond."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.bill.periods import bounds, earliest_open, following, period_of, periods_between
from sendopt.errors import InvalidInput

instants = st.integers(0, 3_000_000_000_000_000).map(
    lambda microseconds: datetime(2000, 2, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)


@given(instants, st.timezones())
def test_every_instant_lies_in_its_period_and_in_no_other(instant: datetime, zone: tzinfo) -> None:
    first, after = bounds(period_of(instant))
    assert first <= instant < after
    assert period_of(instant.astimezone(zone)) == period_of(instant)
    assert period_of(after) == following(period_of(instant))
    assert period_of(after - timedelta(microseconds=1)) == period_of(instant)


def test_periods_follow_each_other_without_a_gap() -> None:
    months = periods_between("2026-11", "2027-02")
    assert months == ["2026-11", "2026-12", "2027-01", "2027-02"]
    for month, later in itertools.pairwise(months):
        assert bounds(month)[1] == bounds(later)[0]
    assert bounds("2026-12") == (
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )


def test_what_comes_late_goes_to_the_first_open_period() -> None:
    assert earliest_open("2026-10", {"2026-09"}) == "2026-10"
    assert earliest_open("2026-10", {"2026-10", "2026-11", "2027-01"}) == "2026-12"


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026-00", "2026-1", "26-10", "2026-10-01", "2026-10\n", "٢٠٢٦-10"]
)
def test_anything_else_is_no_period(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        bounds(text)
    assert (refusal.value.code, refusal.value.field) == ("period_invalid", "/period")
