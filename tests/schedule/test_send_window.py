"""What a campaign may say of when it sends, in instants or in dates on users' own calendars."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from sendopt.errors import InvalidInput
from sendopt.records import LocalWindow
from sendopt.schedule import EXAMPLE, parse_campaign

NOW = datetime(2026, 12, 1, tzinfo=UTC)
AT = "/send_window"
MORNING = {"start": "08:00", "end": "12:00"}
DATES, RANGE = (
    {"local_dates": ["2026-12-25"]},
    {
        "first_local_date": "2026-12-01",
        "last_local_date": "2026-12-24",
    },
)
INSTANTS = {"earliest_at": "2026-12-25T00:00:00Z", "latest_at": "2026-12-26T00:00:00Z"}


def defined(window: object, **others: Any) -> dict[str, Any]:
    rest = {name: value for name, value in EXAMPLE.items() if name != "candidate_times"}
    return rest | {"send_window": window} | others


def test_christmas_morning_wherever_you_are() -> None:
    window = DATES | {"local_times": MORNING}
    campaign = parse_campaign(defined(window), now=NOW)
    assert campaign.local_window == LocalWindow((date(2026, 12, 25),), time(8), time(12))
    assert campaign.earliest_at == datetime(2026, 12, 24, 18, tzinfo=UTC)  # Kiritimati's 08:00
    assert campaign.latest_at == datetime(2026, 12, 26, tzinfo=UTC)  # noon where ships are last


def test_weekdays_of_a_range_both_ends_included() -> None:
    window = RANGE | {"last_local_date": "2026-12-15", "weekdays": ["tue", "mon"]}
    local = parse_campaign(defined(window), now=NOW).local_window
    assert local is not None
    assert [day.day for day in local.dates] == [1, 7, 8, 14, 15]
    assert (local.start, local.end) == (time(0), time(0))


def test_dates_are_put_in_order() -> None:
    window = {"local_dates": ["2026-12-26", "2026-12-24"]}
    local = parse_campaign(defined(window), now=NOW).local_window
    assert local == LocalWindow((date(2026, 12, 24), date(2026, 12, 26)))


def test_two_instants_are_a_window_as_ever() -> None:
    campaign = parse_campaign(defined(INSTANTS), now=NOW)
    assert campaign.local_window is None
    assert campaign.earliest_at == datetime(2026, 12, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "told"),
    [
        # Two ways at once, or none whole.
        (INSTANTS | DATES, [("window_invalid", AT)]),
        (INSTANTS | {"local_times": MORNING}, [("window_invalid", AT)]),
        (DATES | {"weekdays": ["mon"]}, [("window_invalid", AT)]),
        (DATES | RANGE, [("window_invalid", AT)]),
        (
            {},
            [("missing_field", f"{AT}/earliest_at"), ("missing_field", f"{AT}/latest_at")],
        ),
        ({"local_times": MORNING}, [("missing_field", f"{AT}/local_dates")]),
        (
            {"weekdays": ["mon"]},
            [
                ("missing_field", f"{AT}/first_local_date"),
                ("missing_field", f"{AT}/last_local_date"),
            ],
        ),
        # Dates.
        ({"local_dates": []}, [("invalid", f"{AT}/local_dates")]),
        ({"local_dates": None}, [("wrong_type", f"{AT}/local_dates")]),
        ({"local_dates": "2026-12-25"}, [("wrong_type", f"{AT}/local_dates")]),
        ({"local_dates": ["2026-02-30"]}, [("time_invalid", f"{AT}/local_dates/0")]),
        ({"local_dates": ["2026-12-25T00:00"]}, [("time_invalid", f"{AT}/local_dates/0")]),
        ({"local_dates": [20261225]}, [("time_invalid", f"{AT}/local_dates/0")]),
        ({"local_dates": ["1999-12-25"]}, [("time_invalid", f"{AT}/local_dates/0")]),
        ({"local_dates": ["2026-12-25"] * 2}, [("duplicate_id", f"{AT}/local_dates")]),
        ({"local_dates": ["2026-12-01", "2027-01-01"]}, [("window_invalid", AT)]),
        (RANGE | {"last_local_date": "2026-11-30"}, [("window_invalid", AT)]),
        (RANGE | {"last_local_date": "2027-01-01"}, [("window_invalid", AT)]),
        (RANGE | {"last_local_date": "2099-12-31"}, [("window_invalid", AT)]),
        ({"local_dates": ["2026-11-29"]}, [("no_feasible_slot", AT)]),
        # Days of the week.
        (RANGE | {"weekdays": []}, [("invalid", f"{AT}/weekdays")]),
        (RANGE | {"weekdays": ["monday"]}, [("invalid", f"{AT}/weekdays/0")]),
        (RANGE | {"weekdays": ["mon", "mon"]}, [("duplicate_id", f"{AT}/weekdays")]),
        (
            RANGE | {"last_local_date": "2026-12-03", "weekdays": ["sun"]},
            [("no_feasible_slot", f"{AT}/weekdays")],
        ),
        # Times.
        (
            DATES | {"local_times": {"start": "08:00", "end": "08:00"}},
            [("window_invalid", f"{AT}/local_times")],
        ),
        (
            DATES | {"local_times": {"start": "08:00"}},
            [("missing_field", f"{AT}/local_times/end")],
        ),
        (
            DATES | {"local_times": {"start": "8", "end": "24:00"}},
            [
                ("time_invalid", f"{AT}/local_times/start"),
                ("time_invalid", f"{AT}/local_times/end"),
            ],
        ),
        (
            DATES | {"local_times": {"start": "23:00", "end": "05:00"}},
            [("no_feasible_slot", "/quiet_hours")],
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(window: object, told: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(defined(window), now=NOW)
    assert (refusal.value.code, refusal.value.field) == told[0]
    for _, field in told:
        assert f"{field}: " in str(refusal.value) or field == refusal.value.field


def test_a_date_is_not_over_until_it_is_over_everywhere() -> None:
    definition = defined({"local_dates": ["2026-12-01"]})
    last = datetime(2026, 12, 2, 11, 59, tzinfo=UTC)
    parse_campaign(definition, now=last)
    with pytest.raises(InvalidInput, match="over everywhere at 2026-12-02T12:00"):
        parse_campaign(definition, now=last.replace(hour=12, minute=0))


def test_instants_for_some_users_contradict_dates_for_all() -> None:
    times = {"user-7": ["2026-12-25T09:00:00Z"]}
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(defined(DATES, candidate_times=times), now=NOW)
    assert (refusal.value.code, refusal.value.field) == ("window_invalid", "/candidate_times")


def test_slots_are_counted_by_the_hours_of_one_user() -> None:
    """Not by the hours that the dates last on earth."""
    month = RANGE | {
        "last_local_date": "2026-12-31",
        "local_times": {"start": "08:00", "end": "10:00"},
    }
    parse_campaign(defined(month, slot_minutes=15), now=NOW)
    with pytest.raises(InvalidInput, match="at most 500 slots"):
        parse_campaign(defined(month, slot_minutes=5), now=NOW)


def test_all_that_is_wrong_with_a_window_and_beside_it_is_told_at_once() -> None:
    window = {"local_dates": ["2026-12-25", "soon"], "local_times": {"start": "8"}, "zone": "UTC"}
    with pytest.raises(InvalidInput) as refusal:
        parse_campaign(defined(window, channel="pigeon"), now=NOW)
    for field in ("local_dates/1", "local_times/start", "local_times/end", "zone"):
        assert f"{AT}/{field}: " in str(refusal.value)
    assert "/channel: " in str(refusal.value)
