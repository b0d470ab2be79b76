"""Limits over campaigns are read as they were meant, or refused with the place and the rule."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.clock import duration_text, parse_duration
from sendopt.errors import InvalidInput
from sendopt.records import Capacity, Channel, FrequencyCap, SendingLimits
from sendopt.schedule.limits import EXAMPLE, limits_document, parse_limits
from sendopt.schedule.redundant_limits import redundant_limits

LEAST = {"no_send_share": 0, "legal_hours": False}
LEAVE_OUT = object()
DAY = timedelta(days=1)

windows = st.integers(1, 90 * 1440).map(lambda minutes: timedelta(minutes=minutes))
types = st.none() | st.sampled_from(["promotion", "news"])
counts = st.integers(1, 1_000)
limits = st.builds(
    SendingLimits,
    caps=st.lists(
        st.builds(FrequencyCap, counts, windows, types),
        max_size=4,
        unique_by=lambda cap: (cap.within, cap.message_type),
    ).map(lambda caps: tuple(sorted(caps, key=lambda c: (c.within, c.message_type or "")))),
    least_gap=st.none() | windows,
    weekly_budget=st.none() | counts,
    capacities=st.lists(
        st.builds(Capacity, st.integers(1, 10**9), st.none() | st.sampled_from(Channel)),
        unique_by=lambda each: each.channel,
    ).map(lambda found: tuple(sorted(found, key=lambda each: each.channel or ""))),
    message_cost=st.floats(0, 1),
    no_send_share=st.floats(0, 0.5),
    legal_hours=st.booleans(),
)


@given(limits)
def test_what_is_written_is_read_as_it_was(given_limits: SendingLimits) -> None:
    written = json.loads(json.dumps(limits_document(given_limits)))
    assert parse_limits(written) == given_limits


@given(st.integers(1, 366 * 1440).map(lambda minutes: timedelta(minutes=minutes)))
def test_a_duration_is_read_as_it_is_written(duration: timedelta) -> None:
    assert parse_duration(duration_text(duration)) == duration


def test_the_example_says_everything_it_can() -> None:
    said = parse_limits(EXAMPLE)
    assert said.caps[0] == FrequencyCap(2, DAY)
    assert said.caps[1] == FrequencyCap(1, 7 * DAY, "promotion")
    assert limits_document(said).keys() == EXAMPLE.keys()
    assert redundant_limits(said) == []


def test_what_is_left_out_is_no_limit() -> None:
    assert parse_limits(LEAST) == SendingLimits()


@pytest.mark.parametrize("field", LEAST)
def test_what_nobody_should_find_decided_must_be_said(field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_limits({name: value for name, value in LEAST.items() if name != field})
    assert (refused.value.code, refused.value.field) == ("missing_field", f"/{field}")


def test_what_means_the_same_is_equal() -> None:
    one, other = copy.deepcopy(EXAMPLE), copy.deepcopy(EXAMPLE)
    one["caps"][0]["within"], other["caps"][0]["within"] = "1d", "1440m"
    one["caps"].reverse()
    one["capacities"].reverse()
    one["caps"][0]["message_type"] = None
    one["least_gap"] = "240m"
    assert parse_limits(one) == parse_limits(other) == parse_limits(EXAMPLE)


@pytest.mark.parametrize(
    ("field", "value", "code", "place"),
    [
        ("caps", [{"at_most": 0, "within": "24h"}], "limit_of_zero", "/caps/0/at_most"),
        ("caps", [{"at_most": -1, "within": "24h"}], "invalid", "/caps/0/at_most"),
        ("caps", [{"at_most": 1_001, "within": "24h"}], "invalid", "/caps/0/at_most"),
        ("caps", [{"at_most": True, "within": "24h"}], "wrong_type", "/caps/0/at_most"),
        ("caps", [{"at_most": False, "within": "24h"}], "wrong_type", "/caps/0/at_most"),
        ("caps", [{"at_most": 2.0, "within": "24h"}], "wrong_type", "/caps/0/at_most"),
        ("caps", [{"within": "24h"}], "missing_field", "/caps/0/at_most"),
        ("caps", [{"at_most": 2}], "missing_field", "/caps/0/within"),
        ("caps", [{"at_most": 2, "within": "59s"}], "duration_invalid", "/caps/0/within"),
        ("caps", [{"at_most": 2, "within": "90s"}], "duration_invalid", "/caps/0/within"),
        ("caps", [{"at_most": 2, "within": "91d"}], "duration_invalid", "/caps/0/within"),
        ("caps", [{"at_most": 2, "within": "0d"}], "duration_invalid", "/caps/0/within"),
        ("caps", [{"at_most": 2, "within": "1w"}], "duration_invalid", "/caps/0/within"),
        ("caps", [{"at_most": 2, "within": "٢h"}], "duration_invalid", "/caps/0/within"),
        ("caps", [{"at_most": 2, "within": 24}], "duration_invalid", "/caps/0/within"),
        ("caps", [{"at_most": 2, "within": None}], "duration_invalid", "/caps/0/within"),
        (
            "caps",
            [{"at_most": 2, "within": "1d", "message_type": "a b"}],
            "id_invalid",
            "/caps/0/message_type",
        ),
        (
            "caps",
            [{"at_most": 2, "within": "1d"}, {"at_most": 3, "within": "24h"}],
            "duplicate_limit",
            "/caps/1",
        ),
        ("caps", {"at_most": 2, "within": "1d"}, "wrong_type", "/caps"),
        ("caps", None, "wrong_type", "/caps"),
        ("least_gap", "0m", "duration_invalid", "/least_gap"),
        ("least_gap", "91d", "duration_invalid", "/least_gap"),
        ("least_gap", 4, "duration_invalid", "/least_gap"),
        ("weekly_budget", 0, "limit_of_zero", "/weekly_budget"),
        ("weekly_budget", "4", "wrong_type", "/weekly_budget"),
        ("capacities", [{"per_minute": 0}], "limit_of_zero", "/capacities/0/per_minute"),
        ("capacities", [{"per_minute": 10**10}], "invalid", "/capacities/0/per_minute"),
        (
            "capacities",
            [{"per_minute": 1, "channel": "pigeon"}],
            "invalid",
            "/capacities/0/channel",
        ),
        (
            "capacities",
            [{"per_minute": 1}, {"per_minute": 2, "channel": None}],
            "duplicate_limit",
            "/capacities/1",
        ),
        ("message_cost", -0.01, "invalid", "/message_cost"),
        ("message_cost", 1.01, "invalid", "/message_cost"),
        ("message_cost", None, "wrong_type", "/message_cost"),
        ("no_send_share", 0.51, "invalid", "/no_send_share"),
        ("no_send_share", float("nan"), "invalid", "/no_send_share"),
        ("legal_hours", 1, "wrong_type", "/legal_hours"),
        ("legal_hours", None, "wrong_type", "/legal_hours"),
        ("frequency_caps", [], "unknown_field", "/frequency_caps"),
    ],
)
def test_what_cannot_be_meant_is_refused(field: str, value: Any, code: str, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_limits(LEAST | {field: value})
    assert (refused.value.code, refused.value.field) == (code, place)
    assert refused.value.others == ()
    assert refused.value.expected


def test_zero_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_limits(LEAST | {"weekly_budget": 0})
    assert "pause the campaigns" in (refused.value.hint or "")


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_limits(
            {
                "caps": [
                    {"at_most": 0, "within": "1d"},
                    {"at_most": 2, "within": "24h"},
                    {"at_most": 2, "within": "soon"},
                    7,
                ],
                "capacities": [{}, {"channel": "webhook"}],
                "message_cost": 2,
                "legal_hours": "yes",
            }
        )
    assert {each.field for each in refused.value.faults} == {
        "/caps/0/at_most",
        "/caps/1",
        "/caps/2/within",
        "/caps/3",
        "/capacities/0/per_minute",
        "/capacities/1/per_minute",
        "/message_cost",
        "/no_send_share",
        "/legal_hours",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from([*EXAMPLE, "whole", "cap", "capacity"]),
    json_values,
)
def test_whatever_is_given_is_read_or_refused(field: str, value: Any) -> None:
    document: Any = {
        "whole": value,
        "cap": LEAST | {"caps": [value, *EXAMPLE["caps"]]},
        "capacity": LEAST | {"capacities": [value, value]},
    }.get(field, EXAMPLE | {field: value})
    with suppress(InvalidInput):
        read = parse_limits(document)
        assert parse_limits(limits_document(read)) == read


def redundant(**said: Any) -> list[str]:
    return [each.field for each in redundant_limits(SendingLimits(**said))]


def test_a_limit_that_another_one_keeps_is_told() -> None:
    two_a_day, week = FrequencyCap(2, DAY), 7 * DAY
    assert redundant(caps=(two_a_day, FrequencyCap(13, week))) == []
    assert redundant(caps=(two_a_day, FrequencyCap(14, week))) == ["/caps/1"]
    assert redundant(caps=(two_a_day, FrequencyCap(2, timedelta(hours=4)))) == ["/caps/1"]
    assert redundant(caps=(two_a_day,), weekly_budget=14) == ["/weekly_budget"]
    assert redundant(caps=(FrequencyCap(5, week),), weekly_budget=5) == ["/weekly_budget"]
    assert redundant(caps=(FrequencyCap(5, week),), weekly_budget=4) == ["/caps/0"]
    assert redundant(caps=(FrequencyCap(1, DAY),), least_gap=DAY) == ["/least_gap"]
    assert redundant(caps=(FrequencyCap(2, DAY),), least_gap=timedelta(hours=12)) == ["/caps/0"]
    assert redundant(caps=(FrequencyCap(2, DAY),), least_gap=timedelta(hours=11)) == []


def test_a_type_keeps_nothing_from_others() -> None:
    of_type = FrequencyCap(1, DAY, "news")
    assert redundant(caps=(of_type, FrequencyCap(2, DAY))) == []
    assert redundant(caps=(FrequencyCap(1, DAY), of_type)) == ["/caps/1"]
    assert redundant(caps=(of_type, FrequencyCap(2, DAY, "promotion"))) == []


def test_a_channel_that_may_do_what_all_may_is_told() -> None:
    capacities = (Capacity(100), Capacity(100, Channel.WEBHOOK), Capacity(99, Channel.WEB_PUSH))
    assert redundant(capacities=capacities) == ["/capacities/1"]
    assert redundant(capacities=capacities[1:]) == []


small = st.builds(
    SendingLimits,
    caps=st.lists(
        st.builds(
            FrequencyCap,
            st.integers(1, 6),
            st.integers(1, 12).map(lambda hours: timedelta(hours=hours)),
            types,
        ),
        max_size=4,
        unique_by=lambda cap: (cap.within, cap.message_type),
    ).map(tuple),
    least_gap=st.none() | st.integers(1, 6).map(lambda hours: timedelta(hours=hours)),
)


@given(small, st.lists(st.tuples(st.integers(0, 24 * 60), types), max_size=30))
def test_whoever_keeps_to_the_rest_keeps_to_what_is_redundant(
    said: SendingLimits, wanted: list[tuple[int, str | None]]
) -> None:
    rules = {f"/caps/{at}": cap for at, cap in enumerate(said.caps)}
    if said.least_gap is not None:
        rules["/least_gap"] = FrequencyCap(1, said.least_gap)
    needless = {each.field for each in redundant_limits(said)}
    needed = [rule for field, rule in rules.items() if field not in needless]
    sent: list[tuple[int, str | None]] = []
    for each in wanted:
        if all(keeps(rule, [*sent, each]) for rule in needed):
            sent.append(each)
    assert all(keeps(rules[field], sent) for field in needless)


def keeps(rule: FrequencyCap, sent: list[tuple[int, str | None]]) -> bool:
    at = sorted(minute for minute, of_type in sent if rule.message_type in {None, of_type})
    within = rule.within // timedelta(minutes=1)
    return all(
        sum(begin <= minute < begin + within for minute in at) <= rule.at_most for begin in at
    )
