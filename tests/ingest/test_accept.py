"""Events by REST: what a request can get wrong beyond its fields; see test_doors for those."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from event_doors import NOW
from event_grammar import GOOD
from hypothesis import given
from hypothesis import strategies as st

from sendopt import strict_json
from sendopt.errors import InvalidInput
from sendopt.ingest import AcceptedEvent, RejectedEvent, accept_events
from sendopt.log import event_table
from sendopt.records import CAUSED_BY_SEND, EventType, Rejection


def verdict(item: Any) -> AcceptedEvent | Rejection:
    (found,) = accept_events([item], now=NOW)
    return found


def accepted(item: Any) -> AcceptedEvent:
    found = verdict(item)
    assert isinstance(found, AcceptedEvent), found
    return found


def test_a_good_event_arrives_as_it_was_told() -> None:
    attributes = {"app": "3.1", "seen": True, "nested": {"list": [1, 2.5]}}
    event = accepted({**GOOD, "propensity": 0.25, "attributes": attributes}).event
    assert event.event_type is EventType.OPEN
    assert event.occurred_at == datetime(2026, 10, 1, 9, 0, 0, 123456, tzinfo=UTC)
    assert (event.propensity, event.attributes) == (0.25, attributes)
    plain = GOOD.keys() - {"event_type", "occurred_at", "propensity", "attributes"}
    assert {name: getattr(event, name) for name in plain} == {name: GOOD[name] for name in plain}


def test_a_time_in_numbers_is_refused_with_a_guess() -> None:
    for number, unit in (
        (1_790_847_000, "seconds"),
        (1_790_847_000.5, "seconds"),
        (1_790_847_000_000, "milliseconds"),
        (1_790_847_000_000.25, "milliseconds"),
        (1_790_847_000_000_000, "microseconds"),
        (1_790_847_000_000_000_000, "nanoseconds"),
    ):
        for value in (number, str(number)):
            refused = verdict({**GOOD, "occurred_at": value})
            assert isinstance(refused, Rejection)
            assert refused.hint == f"as {unit} it would be 2026-10-01T09:30:00+00:00"


@pytest.mark.parametrize("item", [None, 1, "event", [], [GOOD], True])
def test_an_item_that_is_no_object_is_refused(item: Any) -> None:
    refused = verdict(item)
    assert isinstance(refused, Rejection)
    assert (refused.code, refused.column) == ("wrong_type", "")


@pytest.mark.parametrize(
    ("items", "code"),
    [
        *((items, "wrong_type") for items in (None, {}, GOOD, "[]", 1, ())),
        ([], "empty_batch"),
        ([GOOD] * 501, "too_many_items"),
    ],
)
def test_without_a_batch_there_is_nothing_to_judge(items: Any, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        accept_events(items, now=NOW)
    assert refused.value.code == code


def test_every_item_is_judged_by_itself() -> None:
    items = [GOOD, {**GOOD, "event_id": ""}, {**GOOD, "event_id": "e-3"}, 7]
    found = accept_events(items, now=NOW)
    kinds = [AcceptedEvent, RejectedEvent, AcceptedEvent, RejectedEvent]
    assert [type(each) for each in found] == kinds
    assert [each.row for each in found if isinstance(each, Rejection)] == [2, 4]


@pytest.mark.parametrize("event_type", EventType)
def test_what_a_send_caused_names_it(event_type: EventType) -> None:
    item = {**GOOD, "send_id": None, "event_type": event_type.value}
    assert isinstance(verdict(item), Rejection) == (event_type in CAUSED_BY_SEND)


def test_a_send_may_not_take_an_id_of_the_services_own_and_an_answer_may_name_it() -> None:
    own = "s_znonsemr5acblblexpxcud2uhjqvqdip"
    sent = verdict({**GOOD, "event_type": "send", "send_id": own})
    assert isinstance(sent, Rejection)
    assert (sent.code, sent.column) == ("id_reserved", "send_id")
    assert accepted({**GOOD, "send_id": own}).event.send_id == own


def test_a_senders_clock_may_run_ahead_a_little() -> None:
    latest = (NOW + timedelta(minutes=5)).isoformat()
    assert accepted({**GOOD, "occurred_at": latest}).dropped == ()


def test_what_is_false_or_nothing_stays_in_the_attributes() -> None:
    kept = {"seen": False, "badge": 0, "note": "", "list": []}
    assert accepted({**GOOD, "attributes": {**kept, "app": None}}).event.attributes == kept


@pytest.mark.parametrize(
    ("member", "code"),
    [
        (1e999, "number_out_of_range"),
        (2**63, "number_out_of_range"),
        ("a\x00b", "text_invalid"),
        ("\ud800", "text_invalid"),
        ({"x": [{"\udfff": 1}]}, "text_invalid"),
    ],
)
def test_a_member_that_no_store_can_keep_is_left_out_and_reported(member: Any, code: str) -> None:
    for item, place in (
        ({**GOOD, "attributes": {"good": 1, "bad": member}}, "attributes/bad"),
        ({**GOOD, "attributes": {"good": 1}, "bad": member}, "bad"),
    ):
        found = accepted(item)
        assert found.event.attributes == {"good": 1}
        assert [(each.column, each.code) for each in found.dropped] == [(place, code)]


def test_depth_is_counted_in_brackets_that_nest_and_not_in_text() -> None:
    deepest: Any = []
    for _ in range(30):
        deepest = [deepest]
    found = accepted({**GOOD, "attributes": {"deepest": deepest, "text": "[{" * 400}})
    assert found.dropped == ()
    found = accepted({**GOOD, "attributes": {"too_deep": [deepest], "good": 1}})
    assert found.event.attributes == {"good": 1}
    assert [(each.column, each.code) for each in found.dropped] == [
        ("attributes/too_deep", "too_complex")
    ]


def test_a_field_that_may_be_misnamed_is_named() -> None:
    item = {name: value for name, value in GOOD.items() if name != "timezone"}
    found = accepted({**item, "Timezone": "Europe/Berlin", "city": "Berlin"})
    assert [(each.column, each.code) for each in found.dropped] == [("Timezone", "field_similar")]
    assert found.event.attributes == {"app": "3.1", "Timezone": "Europe/Berlin", "city": "Berlin"}


def test_a_batch_may_be_as_large_as_is_told() -> None:
    batch = [{**GOOD, "event_id": f"e-{number}"} for number in range(500)]
    assert len(accept_events(batch, now=NOW)) == 500


@pytest.mark.parametrize("attributes", [{}, {"app": None}, None, ""])
def test_empty_attributes_say_as_much_as_none(attributes: Any) -> None:
    assert accepted({**GOOD, "attributes": attributes}).event.attributes == {}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from([*GOOD, "x"]),
)
def test_whatever_comes_gets_a_verdict(value: Any, field: str) -> None:
    """Nothing but our own errors, and what is accepted can be stored."""
    text = json.dumps([{**GOOD, field: value}])
    try:
        items = strict_json.loads(text.encode(), limits=strict_json.BY_FIELD)
    except InvalidInput:
        return
    (found,) = accept_events(items, now=NOW)
    if isinstance(found, AcceptedEvent):
        assert len(event_table([found.event])) == 1
