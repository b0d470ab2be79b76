"""What each kind of value is worth, in any field of an event, through whichever door it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MISSING = object()

#: An event in which every field is there and right.
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
    "propensity": "0.25",
    "attributes": '{"app":"3.1"}',
}

REQUIRED = ("event_id", "user_id", "event_type", "occurred_at", "send_id")  # of an open
IDS = ("event_id", "user_id", "send_id")
CONTEXT = ("campaign_id", "variant_id", "message_type", "channel", "platform")


@dataclass(frozen=True)
class Kind:
    """A value in one field, and what becomes of it: `code` None = it counts as `meaning`."""

    field: str
    value: Any
    code: str | None
    meaning: Any = None


def refused(code: str, values: tuple[Any, ...], *fields: str) -> list[Kind]:
    return [Kind(field, value, code) for field in fields for value in values]


def taken(field: str, *pairs: tuple[Any, Any]) -> list[Kind]:
    return [Kind(field, value, None, meaning) for value, meaning in pairs]


TEMPLATES = (
    *("{{user_id}}", "{{contact.id}}", "msg:{{user_id}}", "{{user_id", "user_id}}"),
    *("${user_id}", "#{user.id}", "${", "%7B%7Buser_id%7D%7D", "%7b%7buser_id", "%7Buser_id%7D"),
    *("[[user_id]]", "[[$json.id]]", "<user_id>", "<USER_ID>", "{user_id}", "{0user}}"),
    # Lists and objects, alone and within an id that is put together.
    *('["d1","d2"]', '["d1"]:u1', "[1,2]", "[7]:u1", '{"id":"u1"}', "[]:u1", '[{"id":1}]'),
    *("<%=user_id%>", "{%user%}", "%%user_id%%", "*|UNIQID|*"),
)
ALMOST_TEMPLATES = (
    *("{0f3c2a9e-1b2c-4d5e-8f90-123456789abc}", "<20261001.7@mail.shop.example>", "100%", "a*b"),
    *("auth0|5f7c8ec7", "user%40shop.example", "[vip] ann", "a<b", "a|b", "~ann~"),
)

NOON = "2026-09-01T16:00:00+00:00"

KINDS = [
    # Nothing, and how programs spell it.
    *refused("missing_field", (MISSING, ""), *REQUIRED),
    *(Kind(field, value, None) for field in CONTEXT for value in (MISSING, "")),
    *refused(
        "null_spelled",
        (
            *("\\N", "NULL", "null", "Null", "nan", "NaN", "None", "undefined", "NaT"),
            *("(null)", "<NA>", "n/a", "#N/A", "NA", "(not set)"),
            *("anonymous", "Guest", "distinct_id", "not_authenticated", "{}", "[]", '""'),
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        ),
        *IDS,
        *CONTEXT,
        "timezone",
    ),
    *refused("null_spelled", ("[object Object]", "nil", "NULL"), "event_id", "user_id", "platform"),
    *refused("null_spelled", ("nan", "NULL"), "propensity"),
    # Ids that look like others.
    *refused(
        "text_invalid",
        (
            *("ann\u200b", "\ufeffann", "a\u202enn", "\u2066ann", "a\u00adnn", "ann\u2060"),
            *(" ann", "ann ", "ann\t", "\u00a0ann", "a\u00a0nn", "ann\u3000", "a\u2028nn"),
            *("ann\ufe0f", "ann\u3164", "ann\u034f", "Zoe\u0308", "a\x07", "a\x7f", "ann\ufffd"),
            "x" * 257,
        ),
        "user_id",
        "send_id",
        *CONTEXT,
    ),
    *refused(
        "event_id_invalid",
        ("a b", " a", "a\u00a0b", "a\u200b", "a\x7f", "e\u0301", "\x1b[0m", "e" * 129),
        "event_id",
    ),
    # Templates that nobody filled in, alone and within an id; and what only looks like one.
    *refused("text_invalid", TEMPLATES, "user_id", "send_id", *CONTEXT),
    *refused("event_id_invalid", TEMPLATES, "event_id"),
    *taken("user_id", *((each, each) for each in ALMOST_TEMPLATES)),
    *taken(
        "user_id",
        *(
            (each, each)
            for each in ("Zo\u00eb", "a b", "ann@shop.example", "名前", "0", "nullable")
        ),
    ),
    # Numbers for text.
    *(Kind(field, 42, None, "42") for field in ("user_id", "send_id", *CONTEXT)),
    *refused(
        "id_reserved", ("s_" + "a" * 32 + ":open", "click-" + "0" * 12 + "-" + "1" * 20), "event_id"
    ),
    # Types of events.
    *refused("event_type_unknown", ("OPEN", "opened", "open ", "purchase", "1"), "event_type"),
    # Times.
    *taken(
        "occurred_at",
        *(
            (spelled, NOON)
            for spelled in (
                *("2026-09-01T16:00:00Z", "2026-09-01 16:00:00 UTC", "2026-09-01 16:00:00Z"),
                *("2026-09-01T18:00:00+0200", "2026-09-01T18:00:00+02", "2026-09-01T16:00Z"),
                *("2026-09-01t16:00:00z", "2026-09-01 18:00:00 +0200", "2026-09-01 16:00 UTC"),
                *("2026-09-01T16:00:00.000000000Z", "2026-09-01T21:45:00+05:45"),
            )
        ),
        ("2026-09-01 16:00:00.123456789 UTC", "2026-09-01T16:00:00.123456+00:00"),
    ),
    *refused(
        "time_invalid",
        (
            *("yesterday", "2026-09-01", "2026-09-01T16:00:00", "2026-09-01 16:00:00"),
            *("2026-02-31T09:00:00Z", "2026-13-01T09:00:00Z", "2026-09-01T24:00:00Z"),
            *("2016-12-31T23:59:60Z", "2026-09-01T09:00:00+25:00", "2026-09-01T09:00:00 CET"),
            *(
                "2026-09-01T09:00:00Z ",
                "٢٠٢٦-09-01T09:00:00Z",
                "NULL",
                "2026-09-01T09:00:00 utc",
            ),
        ),
        "occurred_at",
    ),
    *refused(
        "time_unit_suspect",
        (
            *("1788278400", "1788278400.123", "1788278400123", "1788278400123.5"),
            *("1788278400123456", "1788278400123456789", "1.7882784E9", "1970-01-21T16:43:40Z"),
            *("12", "-1", "0", "99999999999999999999e99"),
        ),
        "occurred_at",
    ),
    *refused("time_in_future", ("2026-10-01T09:35:01Z", "9999-12-31T23:59:59Z"), "occurred_at"),
    # Zones.
    *refused(
        "zone_invalid",
        (
            *("CST", "Berlin", "europe/berlin", "+02:00", "UTC+2", "Etc/Unknown", "Factory"),
            *("../etc/passwd", "right/Europe/Berlin", "Europe/Berlin ", "America/Sao Paulo"),
        ),
        "timezone",
    ),
    *taken("timezone", *((each, each) for each in ("UTC", "Asia/Kolkata", "Etc/GMT-9"))),
    # Propensities.
    *taken("propensity", ("0.5", 0.5), (0.5, 0.5), (1, 1.0), ("1e-3", 0.001)),
    *refused("number_out_of_range", ("0", "1.01", "-1", "1e30", 0, 2, -0.5), "propensity"),
    *refused("wrong_type", ("often", "0,5", "0x1", "inf"), "propensity"),
    # Attributes.
    *taken(
        "attributes",
        ('{"b":[1,{"z":1,"a":null}],"a":null}', {"b": [1, {"a": None, "z": 1}]}),
        (
            '{"title":"Hello, Nancy:NaN,Infinity ' + "[" * 40 + '{"}',
            {"title": "Hello, Nancy:NaN,Infinity " + "[" * 40 + "{"},
        ),
        ('{"quote":"say \\"hi\\" \\\\ now"}', {"quote": 'say "hi" \\ now'}),
    ),
    *refused("malformed_json", ("[1]", "{cut", '{"a":1,"a":2}', "7"), "attributes"),
    *refused("number_out_of_range", ('{"a":NaN}', '{"a":-Infinity}'), "attributes"),
    # Whole numbers beyond 64 bits; with more than 308 digits also beyond any float.
    *refused(
        "number_out_of_range",
        tuple('{"a":[%s]}' % (sign + "9" * n) for sign in ("", "-") for n in (20, 309, 400, 401)),
        "attributes",
    ),
    *refused("too_complex", ('{"long":"' + "x" * 65_536 + '"}',), "attributes"),
    *refused("attribute_reserved", ('{"counting_rules":1}',), "attributes"),
]

#: Faults of these fields cost the event; of all others the field.
COSTS_THE_EVENT = frozenset(REQUIRED)


def event(kind: Kind, event_id: str) -> dict[str, Any]:
    """Return an event that holds this kind of value."""
    item = {**GOOD, "event_id": event_id, kind.field: kind.value}
    if kind.value is MISSING:
        del item[kind.field]
    return item
