"""Hours that the law forbids: by country, class, medium and weekday, on the user's own clock."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.clock import zone_names, zone_of
from sendopt.errors import InvalidInput
from sendopt.records import Channel, MessageClass, QuietHours
from sendopt.rules.countries import countries_of
from sendopt.rules.legal import (
    LegalHours,
    LegalRule,
    legal_quiet,
    legal_rules,
    past_review,
)
from sendopt.rules.rows import read_rows, tables_of

MARKETING = MessageClass.MARKETING
NIGHT = QuietHours(time(21), time(8))


def test_a_law_on_push_messages_holds_for_web_push() -> None:
    for name in ("Asia/Seoul", "ROK"):
        found = legal_quiet(name, MARKETING, Channel.WEB_PUSH)
        assert found == LegalHours((frozenset({NIGHT}),) * 7)
    seoul = zone_of("Asia/Seoul")
    assert found is not None
    for hour, forbidden in ((7, True), (8, False), (20, False), (21, True)):
        assert found.forbid(datetime(2026, 10, 1, hour, 59, tzinfo=seoul), seoul) is forbidden


def test_a_law_on_text_messages_says_nothing_of_push_and_holds_where_nobody_knows() -> None:
    assert legal_quiet("Europe/Paris", MARKETING, Channel.WEB_PUSH) is None
    found = legal_quiet("Europe/Paris", MARKETING, Channel.WEBHOOK)
    assert found is not None
    paris = zone_of("Europe/Paris")
    saturday_evening = datetime(2026, 10, 3, 21, 59, tzinfo=paris)
    assert not found.forbid(saturday_evening, paris)
    assert found.forbid(saturday_evening + timedelta(minutes=1), paris)
    for hours in range(2, 26):  # all Sunday long
        assert found.forbid(saturday_evening + timedelta(hours=hours, minutes=2), paris)
    assert not found.forbid(datetime(2026, 10, 5, 8, tzinfo=paris), paris)


@pytest.mark.parametrize("message_class", [MessageClass.TRANSACTIONAL, MessageClass.URGENT])
def test_what_is_owed_to_a_user_may_come_at_night(message_class: MessageClass) -> None:
    assert all(
        legal_quiet(name, message_class, channel) is None
        for name in ("Asia/Seoul", "America/New_York")
        for channel in Channel
    )


def test_a_zone_names_its_country_by_each_of_its_names() -> None:
    assert countries_of("America/Los_Angeles") == countries_of("US/Pacific") == {"US"}
    assert countries_of("Asia/Calcutta") == {"IN"}
    assert countries_of("Europe/Monaco") == {"MC"}
    assert countries_of("CET") == {"BE", "LU", "NL"}, "whoever says so may live in each"
    assert countries_of("UTC") == countries_of("Etc/GMT-9") == frozenset()


@given(st.sampled_from(sorted(zone_names())), st.sampled_from(Channel))
def test_what_one_country_of_a_zone_forbids_is_forbidden(name: str, channel: Channel) -> None:
    found = legal_quiet(name, MARKETING, channel)
    laws = [rule for rule in legal_rules() if rule.country in countries_of(name)]
    if found is None:
        assert all(channel is Channel.WEB_PUSH and "push" not in rule.media for rule in laws)
    else:
        assert set().union(*found.by_weekday) <= {rule.hours for rule in laws}


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["Asia/Seoul", "America/New_York", "Europe/Paris", "America/Adak"]),
)
def test_the_law_is_read_off_the_clock_that_the_user_sees(naive: datetime, name: str) -> None:
    instant, zone = naive.replace(tzinfo=UTC), zone_of(name)
    found = legal_quiet(name, MARKETING, Channel.WEBHOOK)
    assert found is not None
    local = instant.astimezone(zone)
    expected = any(
        rule.start == rule.end
        or (not rule.end <= local.time() < rule.start)  # all of them last over midnight
        for rule in legal_rules()
        if rule.country in countries_of(name)
        and ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[local.weekday()] in rule.weekdays
    )
    assert found.forbid(instant, zone) is expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "Korea"),
        ("message_class", "advertising"),
        ("media", []),
        ("media", ["pigeon"]),
        ("weekdays", []),
        ("weekdays", ["monday"]),
        ("start", "21"),
        ("source", "a page"),
        ("source", "http://example.org/"),
        ("as_of", "2026-12-01"),
        ("review_by", date(2026, 1, 1)),
        ("certainty", "surely"),
        ("law", ""),
        ("holidays", True),
        *((name, None) for name in LegalRule.model_fields),
    ],
)
def test_a_row_that_does_not_say_all_that_it_must_is_refused(field: str, value: Any) -> None:
    rows = copy.deepcopy(tables_of("legal_hours.toml")["rule"])
    rows[1] = {name: each for name, each in rows[1].items() if name != field}
    if value is not None:
        rows[1][field] = value
    with pytest.raises(InvalidInput) as refused:
        read_rows(LegalRule, rows, at="legal_hours.toml/rule")
    assert (refused.value.field or "").startswith("legal_hours.toml/rule/1")


def test_a_law_that_nobody_has_looked_at_for_long_is_named() -> None:
    last = max(rule.review_by for rule in legal_rules())
    assert past_review(min(rule.review_by for rule in legal_rules())) == []
    late = past_review(last + timedelta(days=1))
    assert len(late) == len(legal_rules())
    assert all(each.source.startswith("https://") for each in late)


@pytest.mark.parametrize("zone_name", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    "change",
    [
        datetime(2026, 3, 8, tzinfo=UTC),
        datetime(2026, 3, 29, tzinfo=UTC),
        datetime(2026, 4, 4, tzinfo=UTC),
        datetime(2026, 10, 3, tzinfo=UTC),
        datetime(2026, 10, 25, tzinfo=UTC),
        datetime(2026, 11, 1, tzinfo=UTC),
    ],
)
@pytest.mark.parametrize("hours", [(2, 3), (21, 8), (0, 0)])
def test_what_is_next_is_what_a_look_at_every_minute_finds(
    zone_name: str, change: datetime, hours: tuple[int, int]
) -> None:
    zone, quiet = zone_of(zone_name), frozenset({QuietHours(time(hours[0]), time(hours[1]))})
    never: frozenset[QuietHours] = frozenset()
    # Every day, not on Sundays, when clocks change, and only then.
    for week in ((quiet,) * 7, (*(quiet,) * 6, never), (*(never,) * 6, quiet)):
        law = LegalHours(week)
        begin, until = change - timedelta(hours=12), change + timedelta(hours=36)
        minutes = [begin + timedelta(minutes=at) for at in range(48 * 60)]
        forbidden = {at: law.forbid(at, zone) for at in minutes}
        allowed_at = forbidden_at = until
        for at in reversed(minutes):
            allowed_at = allowed_at if forbidden[at] else at
            forbidden_at = at if forbidden[at] else forbidden_at
            if at.minute % 30:
                continue
            assert law.next_allowed(at, zone, until=until) == allowed_at
            assert law.next_forbidden(at, zone, until=until) == forbidden_at
