"""Events by REST: each rule, and the same verdicts as for files."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt import strict_json
from sendopt.errors import InvalidInput
from sendopt.ingest import accept_events, import_file
from sendopt.log import Log, LogLocation, event_table
from sendopt.records import CAUSED_BY_SEND, Event, EventType, Rejection, TenantId

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
MISSING = object()

GOOD: dict[str, Any] = {
    "event_id": "e-1",
    "user_id": "Änne Ünal",
    "event_type": "open",
    "occurred_at": "2026-10-01T11:00:00.123456+02:00",
    "send_id": "s-1",
    "campaign_id": "autumn",
    "variant_id": "a",
    "message_type": "offer",
    "channel": "web_push",
    "platform": "firefox",
    "timezone": "Europe/Berlin",
    "propensity": 0.25,
    "attributes": {"app": "3.1", "seen": True, "nested": {"list": [1, 2.5]}},
}

#: field, broken value, code.
BAD: list[tuple[str, Any, str]] = [
    *(
        ("event_id", value, "event_id_invalid")
        for value in (
            *("", " ", "a b", "a\tb", "a\nb", "a\u00a0b", "\u200bx", "a\x7f", "\x1b[0m", "e" * 129),
            MISSING,
        )
    ),
    *((field, MISSING, "missing_field") for field in ("user_id", "event_type", "occurred_at")),
    *(("send_id", value, "missing_field") for value in (MISSING, None)),
    *(
        (field, value, "wrong_type")
        for field in ("event_id", "user_id", "event_type", "send_id", "channel", "timezone")
        for value in (1, 1.0, True, ["x"], {"x": "y"})
    ),
    *(("user_id", value, "wrong_type") for value in (None,)),
    *(("propensity", value, "wrong_type") for value in ("0.5", True, [0.5], {})),
    *(("attributes", value, "wrong_type") for value in ("{}", [], 1)),
    *(("occurred_at", value, "wrong_type") for value in (True, None, [], {})),
    *(
        ("propensity", value, "number_out_of_range")
        for value in (0, 0.0, -0.0, -1, 1.0000001, 2, 1e300, -1e-300, 5e18)
    ),
    *(
        (field, value, "text_invalid")
        for field in ("user_id", "send_id", "campaign_id", "message_type", "platform")
        for value in ("", "a\x00b", "a\x07", "gpj.\u202eexe", "\u2066x", "x" * 257, "\x85")
    ),
    *(
        ("event_type", value, "event_type_unknown")
        for value in ("", "OPEN", "opened", "open ", "purchase", "*")
    ),
    *(
        ("occurred_at", value, "time_invalid")
        for value in (
            "",
            "yesterday",
            "2026-10-01",
            "2026-10-01T09:00:00",  # no zone
            "2026-10-01 09:00:00",
            "2026-02-31T09:00:00Z",
            "2026-13-01T09:00:00Z",
            "2026-10-01T24:00:00Z",
            "2016-12-31T23:59:60Z",  # a leap second
            "2026-10-01T09:00:00+25:00",
            "2026-10-01T09:00:00 CET",
            "2026-10-01T09:00:00Z ",
            "٢٠٢٦-10-01T09:00:00Z",
            "12",
            12,
        )
    ),
    *(
        ("occurred_at", value, "time_unit_suspect")
        for value in (
            *(1_790_847_000, 1_790_847_000.5, "1790847000", 1_790_847_000_000),
            *("1790847000000", 1_790_847_000_000_000, 1_790_847_000_000_000_000, 946_684_800),
            *("1970-01-21T17:27:27Z", "1969-12-31T23:59:59Z"),
        )
    ),
    *(
        ("occurred_at", value, "time_in_future")
        for value in (
            "2026-10-01T09:35:00.000001Z",
            "2026-10-01T11:35:01+02:00",
            "2027-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        )
    ),
    *(
        ("timezone", value, "zone_invalid")
        for value in (
            *("", "CST", "Berlin", "europe/berlin", "Europe", "+02:00", "UTC+2", "../etc/passwd"),
            *("/etc/passwd", "right/Europe/Berlin", "Mars/Olympus", "Europe/Berlin\n"),
        )
    ),
    *(
        (field, value, "unknown_field")
        for field, value in (
            ("tenant_id", "bank"),
            ("billable", False),
            ("amount", 1),
            ("role", ""),
        )
    ),
    ("attributes", {"long": "x" * 65_536}, "too_complex"),
    ("attributes", {"counting_rules": 1}, "attribute_reserved"),
]


def with_field(field: str, value: Any) -> dict[str, Any]:
    changed = {**GOOD, field: value}
    if value is MISSING:
        del changed[field]
    return changed


def verdict(item: Any) -> Event | Rejection:
    (found,) = accept_events([item], now=NOW)
    return found


def test_a_good_event_arrives_as_it_was_told() -> None:
    event = verdict(GOOD)
    assert isinstance(event, Event)
    assert event.event_type is EventType.OPEN
    assert event.occurred_at == datetime(2026, 10, 1, 9, 0, 0, 123456, tzinfo=UTC)
    plain = {
        name: value for name, value in GOOD.items() if name not in {"event_type", "occurred_at"}
    }
    assert {name: getattr(event, name) for name in plain} == plain


@pytest.mark.parametrize(("field", "value", "code"), BAD)
def test_every_broken_rule_has_its_code(field: str, value: Any, code: str) -> None:
    refused = verdict(with_field(field, value))
    assert isinstance(refused, Rejection)
    assert (refused.code, refused.column) == (code, field)
    assert (refused.source, refused.row) == ("request", 1)


def test_a_time_in_numbers_is_refused_with_a_guess() -> None:
    refused = verdict(with_field("occurred_at", 1_790_847_000_000))
    assert isinstance(refused, Rejection)
    assert refused.hint == "as milliseconds it would be 2026-10-01T09:30:00+00:00"


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
    items = [GOOD, with_field("event_id", ""), with_field("event_id", "e-3"), 7]
    kinds = [type(found) for found in accept_events(items, now=NOW)]
    assert kinds == [Event, Rejection, Event, Rejection]
    rows = [found.row for found in accept_events(items, now=NOW) if isinstance(found, Rejection)]
    assert rows == [2, 4]


@pytest.mark.parametrize("event_type", EventType)
def test_what_a_send_caused_names_it(event_type: EventType) -> None:
    item = with_field("send_id", MISSING) | {"event_type": event_type.value}
    assert isinstance(verdict(item), Rejection) == (event_type in CAUSED_BY_SEND)


def test_a_senders_clock_may_run_ahead_a_little() -> None:
    latest = (NOW + timedelta(minutes=5)).isoformat()
    assert isinstance(verdict(with_field("occurred_at", latest)), Event)


def test_what_is_false_or_nothing_stays_in_the_attributes() -> None:
    kept = {"seen": False, "badge": 0, "note": "", "list": []}
    event = verdict(with_field("attributes", {**kept, "app": None}))
    assert isinstance(event, Event)
    assert event.attributes == kept


def test_a_batch_may_be_as_large_as_is_told() -> None:
    batch = [{**GOOD, "event_id": f"e-{number}"} for number in range(500)]
    assert len(accept_events(batch, now=NOW)) == 500


def test_empty_attributes_say_as_much_as_none() -> None:
    for attributes in ({}, {"app": None}):
        event = verdict(with_field("attributes", attributes))
        assert isinstance(event, Event)
        assert event.attributes == {}


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
    text = json.dumps([with_field(field, value)])
    try:
        items = strict_json.loads(text.encode())
    except InvalidInput:
        return
    (found,) = accept_events(items, now=NOW)
    assert isinstance(found, (Event, Rejection))
    if isinstance(found, Event):
        assert len(event_table([found])) == 1


def test_files_and_requests_are_judged_alike(tmp_path: Path) -> None:
    """The same bad rows, as JSON Lines and as a request: the same columns and codes."""
    by_request_only = {"unknown_field"}  # a file's unknown columns become attributes
    told = [
        (field, value, code)
        for field, value, code in BAD
        if code not in by_request_only
        # Empty text is an empty cell, and a number may stand for text, where all is text.
        and not (value in ("", 0) and value is not False)
        and not (code == "wrong_type" and isinstance(value, (int, float, str)))
        and not (code == "wrong_type" and value is None)
        and value is not MISSING
        and (field, value) != ("attributes", [])
    ]
    items = [
        with_field(field, value) | ({} if field == "event_id" else {"event_id": f"e-{row}"})
        for row, (field, value, _) in enumerate(told)
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(item) + "\n" for item in items))
    location = LogLocation(f"{tmp_path}/catalog.sqlite", f"{tmp_path}/data")
    with closing(Log(location)) as log:
        log.migrate()
        with log.appender() as appender:
            report = import_file(
                file, appender, TenantId("shop"), now=NOW, note_opt_outs=print, progress=print
            )
    by_file = {found.row: (found.column, found.code) for found in report.rejections()}
    by_request = {
        row: (found.column, found.code)
        for row, item in enumerate(items, start=1)
        if isinstance(found := verdict(item), Rejection)
    }
    assert len(told) > 60
    differences = {
        row: (told[row - 1], by_file.get(row), by_request.get(row))
        for row in by_file.keys() | by_request.keys()
        if by_file.get(row) != by_request.get(row)
    }
    assert differences == {}
