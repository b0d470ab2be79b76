"""What must be refused, how, and that nothing of it is stored.

Every table is one kind of bad input: name → what is sent. The names are test ids.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sendopt.schedule import EXAMPLE

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}

_numbers = itertools.count(1)


def an_event(**changes: Any) -> dict[str, Any]:
    event = {
        "event_id": f"bad-{next(_numbers)}",
        "user_id": "u1",
        "event_type": "session",
        "occurred_at": "2026-10-01T09:00:00+00:00",
    }
    return {**event, **changes}


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


def a_campaign(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(EXAMPLE), "campaign_id": f"bad-{next(_numbers)}", **changes}


def a_device(**changes: Any) -> dict[str, Any]:
    device = {
        "device_id": f"bad-{next(_numbers)}",
        "user_id": "u1",
        "channel": "web_push",
        "address": {"endpoint": "https://push.example/send/abc", "keys": _BROWSER_KEYS},
    }
    return {**device, **changes}


def a_subscription(endpoint: str = "https://push.example/send/abc", **keys: str) -> dict[str, Any]:
    return a_device(address={"endpoint": endpoint, "keys": {**_BROWSER_KEYS, **keys}})


#: RFC 8291, appendix A.
_BROWSER_KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoI"
    "Aiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}


def cases(table: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sent", list(table.values()), ids=list(table))


def assert_refused(
    response: httpx.Response, status: int, code: str | set[str], field: str | None = None
) -> dict[str, Any]:
    """Check that a problem came back, complete, and of the expected kind."""
    problem: dict[str, Any] = response.json()
    codes = {code} if isinstance(code, str) else code
    assert (response.status_code, problem["code"] in codes) == (status, True), problem
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"urn:sendopt:problem:{problem['code']}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
    if field is not None:
        assert problem.get("field") == field, problem
    return problem


@pytest.fixture
def post(
    acme: httpx.Client, row_counts: Callable[[], dict[str, int]]
) -> Callable[..., httpx.Response]:
    """Post as acme, and see to it that no row came or went."""

    def run(path: str, body: Any = None, **options: Any) -> httpx.Response:
        before = row_counts()
        if "content" not in options:
            options["content"] = json.dumps(body).encode()
        response = acme.post(path, **{"headers": JSON, **options})
        assert row_counts() == before
        return response

    return run


Post = Callable[..., httpx.Response]


# Row 1: not JSON.

MALFORMED = {
    "empty": b"",
    "cut": b'[{"event_id": "e1"',
    "trailing garbage": b"[] x",
    "trailing comma": b"[1,]",
    "byte order mark": b"\xef\xbb\xbf[]",
    "single quotes": b"['a']",
    "bare word": b"nul",
    "repeated key": b'[{"event_id": "a", "event_id": "b"}]',
    "two documents": b"[][]",
    "comment": b"[] // none",
    "UTF-16": '["a"]'.encode("utf-16-le"),
    "form": b"event_id=e1&user_id=u1",
}


@cases(MALFORMED)
@pytest.mark.parametrize("path", ["/v1/events", "/v1/campaigns", "/v1/devices"])
def test_what_is_no_json_is_refused(post: Post, path: str, sent: bytes) -> None:
    assert_refused(post(path, content=sent), 400, "malformed_json")


def test_the_place_of_the_error_is_named(post: Post) -> None:
    problem = assert_refused(post("/v1/events", content='["é", x]'.encode()), 400, "malformed_json")
    assert "byte 7" in problem["detail"]


# Row 2: not application/json in UTF-8.

MEDIA_TYPES = {
    "none": {},
    "text": {"Content-Type": "text/plain"},
    "form": {"Content-Type": "application/x-www-form-urlencoded"},
    "multipart": {"Content-Type": "multipart/form-data; boundary=x"},
    "latin-1": {"Content-Type": "application/json; charset=iso-8859-1"},
    "utf-16": {"Content-Type": "application/json; charset=utf-16"},
    "unknown charset": {"Content-Type": "application/json; charset=klingon"},
    "unknown parameter": {"Content-Type": "application/json; version=2"},
    "json lines": {"Content-Type": "application/jsonl"},
    "two types": {"Content-Type": "application/json, text/plain"},
}


@cases(MEDIA_TYPES)
def test_only_json_is_read(post: Post, sent: dict[str, str]) -> None:
    response = post("/v1/events", content=b"[]", headers=sent)
    assert_refused(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
def test_utf_8_may_be_named(post: Post, media_type: str) -> None:
    response = post("/v1/events", content=b"[]", headers={"Content-Type": media_type})
    assert_refused(response, 422, "empty_batch")


# Row 4: compressed bodies.

ENCODINGS = {
    "gzip": ("gzip", gzip.compress(b"[]")),
    "gzip bomb": ("gzip", gzip.compress(b" " * 5_000_000)),
    "corrupt gzip": ("gzip", b"\x1f\x8b not at all"),
    "nested": ("gzip, gzip", gzip.compress(gzip.compress(b"[]"))),
    "brotli": ("br", b"\x0b\x01\x80[]\x03"),
    "deflate": ("deflate", b"x\x9c\x8b\x8e\x05\x00\x01\x15\x00\xb9"),
    "unknown": ("x-zip", b"[]"),
}


@cases(ENCODINGS)
def test_compressed_bodies_are_not_unpacked(post: Post, sent: tuple[str, bytes]) -> None:
    encoding, body = sent
    response = post("/v1/events", content=body, headers={**JSON, "Content-Encoding": encoding})
    assert_refused(response, 415, "bad_encoding")
    assert response.headers["accept-encoding"] == "identity"


# Row 5: JSON that costs more than it can be worth.

COSTLY = {
    "10,000 brackets": b"[" * 10_000,
    "10,000 brackets, closed": b"[" * 10_000 + b"]" * 10_000,
    "33 levels": b"[" * 33 + b"]" * 33,
    "deep objects": b'{"a":' * 100 + b"1" + b"}" * 100,
    "20,000 keys": json.dumps({f"k{number}": 1 for number in range(20_000)}).encode(),
    "keys over many objects": json.dumps([{"a": 1, "b": 2}] * 6_000).encode(),
    "a string of a megabyte": b'["' + b"a" * 1_000_000 + b'"]',
    "a key of a megabyte": b'{"' + b"a" * 1_000_000 + b'": 1}',
}


@cases(COSTLY)
def test_costly_json_is_refused(post: Post, sent: bytes) -> None:
    assert_refused(post("/v1/devices", content=sent), 400, "too_complex")


@pytest.mark.parametrize("sent", [b"[" * 10_000, b"[" * 300 + b"]" * 300])
def test_costly_events_are_refused(post: Post, sent: bytes) -> None:
    assert_refused(post("/v1/events", content=sent), 400, "too_complex")


# Row 6: batches that are none.

BATCHES = {
    "empty": ([], "empty_batch"),
    "501 items": ([1] * 501, "too_many_items"),
    "100,000 items": ([1] * 100_000, "too_many_items"),
    "an object": ({"events": []}, "wrong_type"),
    "a text": ("e1", "wrong_type"),
    "null": (None, "wrong_type"),
}


@cases(BATCHES)
def test_batches_hold_1_to_500_events(post: Post, sent: tuple[Any, str]) -> None:
    assert_refused(post("/v1/events", sent[0]), 422, sent[1])


# Rows 7 and 9 to 14, 16, 21: one event, alone.

EVENTS: dict[str, tuple[Any, str, str | None]] = {
    # 7
    "no id": (without(an_event(), "event_id"), "missing_field", "/0/event_id"),
    "empty id": (an_event(event_id=""), "missing_field", "/0/event_id"),
    "id of 129": (an_event(event_id="e" * 129), "event_id_invalid", "/0/event_id"),
    "spaces in the id": (an_event(event_id="e 1"), "event_id_invalid", "/0/event_id"),
    "line feed in the id": (an_event(event_id="e\n1"), "event_id_invalid", "/0/event_id"),
    "delete in the id": (an_event(event_id="e\x7f1"), "event_id_invalid", "/0/event_id"),
    # 10
    "fraction for text": (an_event(user_id=1.5), "wrong_type", "/0/user_id"),
    "null for text": (an_event(user_id=None), "missing_field", "/0/user_id"),
    "list for text": (an_event(event_type=["session"]), "wrong_type", "/0/event_type"),
    "NULL for text": (an_event(user_id="NULL"), "null_spelled", "/0/user_id"),
    "item is a number": (1, "wrong_type", "/0"),
    "item is null": (None, "wrong_type", "/0"),
    # 12
    "no zone": (an_event(occurred_at="2026-10-01T09:00:00"), "time_invalid", "/0/occurred_at"),
    "31 February": (an_event(occurred_at="2026-02-31T09:00:00Z"), "time_invalid", "/0/occurred_at"),
    "24:00": (an_event(occurred_at="2026-09-30T24:00:00Z"), "time_invalid", "/0/occurred_at"),
    "leap second": (an_event(occurred_at="2016-12-31T23:59:60Z"), "time_invalid", "/0/occurred_at"),
    "date only": (an_event(occurred_at="2026-10-01"), "time_invalid", "/0/occurred_at"),
    "words": (an_event(occurred_at="yesterday"), "time_invalid", "/0/occurred_at"),
    # 13
    "seconds": (an_event(occurred_at=1790845200), "time_unit_suspect", "/0/occurred_at"),
    "milliseconds": (an_event(occurred_at=1790845200000), "time_unit_suspect", "/0/occurred_at"),
    "nanoseconds": (
        an_event(occurred_at=1790845200000000000),
        "time_unit_suspect",
        "/0/occurred_at",
    ),
    "seconds as text": (an_event(occurred_at="1790845200"), "time_unit_suspect", "/0/occurred_at"),
    # 14
    "5 minutes and a second ahead": (
        an_event(occurred_at=(NOW + timedelta(minutes=5, seconds=1)).isoformat()),
        "time_in_future",
        "/0/occurred_at",
    ),
    "tomorrow": (an_event(occurred_at="2026-10-02T09:00:00Z"), "time_in_future", "/0/occurred_at"),
    # the rest of the contract
    "unknown type": (an_event(event_type="sent"), "event_type_unknown", "/0/event_type"),
    "open without its send": (an_event(event_type="open"), "missing_field", "/0/send_id"),
}


@cases(EVENTS)
def test_a_bad_event_is_refused_and_not_stored(
    post: Post, sent: tuple[Any, str, str | None]
) -> None:
    event, code, field = sent
    assert_refused(post("/v1/events", [event]), 422, code, field)


@cases(EVENTS)
def test_a_bad_event_does_not_stop_its_neighbours(
    acme: httpx.Client, sent: tuple[Any, str, str | None]
) -> None:
    event, code, _ = sent
    response = acme.post("/v1/events", json=[an_event(), event, an_event()])
    answer = response.json()
    assert response.status_code == 207
    assert [verdict["verdict"] for verdict in answer["verdicts"]] == [
        "accepted",
        "rejected",
        "accepted",
    ]
    assert answer["verdicts"][1]["code"] == code
    assert (answer["accepted"], answer["rejected"]) == (2, 1)


#: What costs the field, and not the event.
FIELDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "true for number": ({"propensity": True}, "wrong_type", "/0/propensity"),
    "list for object": ({"attributes": []}, "malformed_json", "/0/attributes"),
    "propensity 0": ({"propensity": 0.0}, "number_out_of_range", "/0/propensity"),
    "propensity above 1": ({"propensity": 1.5}, "number_out_of_range", "/0/propensity"),
    "negative propensity": ({"propensity": -0.1}, "number_out_of_range", "/0/propensity"),
    "unknown zone": ({"timezone": "Mars/Olympus"}, "zone_invalid", "/0/timezone"),
    "zone path": ({"timezone": "../../etc/passwd"}, "zone_invalid", "/0/timezone"),
    "zone offset": ({"timezone": "+02:00"}, "zone_invalid", "/0/timezone"),
    "NULL for a platform": ({"platform": "NULL"}, "null_spelled", "/0/platform"),
    "1e400": ({"attributes": {"n": 1e999}}, "number_out_of_range", "/0/attributes/n"),
    "2^63": ({"score": 2**63}, "number_out_of_range", "/0/score"),
    "NUL": ({"note": "a\x00"}, "text_invalid", "/0/note"),
    "lone surrogate": ({"note": "\ud800"}, "text_invalid", "/0/note"),
    "misspelt": ({"propensty": 0.5}, "field_similar", "/0/propensty"),
}


@cases(FIELDS)
def test_a_bad_field_costs_the_field_and_is_reported(
    acme: httpx.Client, sent: tuple[dict[str, Any], str, str]
) -> None:
    changes, code, field = sent
    body = json.dumps([an_event(**changes)]).replace("Infinity", "1e400")
    response = acme.post("/v1/events", content=body, headers=JSON)
    assert response.status_code == 200, response.text
    (verdict,) = response.json()["verdicts"]
    assert verdict["verdict"] == "accepted"
    assert [(each["field"], each["code"]) for each in verdict["dropped_fields"]] == [(field, code)]


def test_an_opt_out_is_honoured_whatever_its_clock_and_its_zone_say(acme: httpx.Client) -> None:
    event = an_event(
        user_id="leaves",
        event_type="opt_out",
        timezone="Etc/Unknown",
        occurred_at=(NOW + timedelta(minutes=6)).isoformat(),
    )
    for verdict in ("accepted", "repeated"):
        response = acme.post("/v1/events", json=[event])
        assert response.status_code == 200
        (told,) = response.json()["verdicts"]
        assert told["verdict"] == verdict
        assert {each["field"] for each in told["dropped_fields"]} == {
            "/0/occurred_at",
            "/0/timezone",
        }
    assert acme.get("/v1/users/leaves").json()["opted_out_at"] == NOW.isoformat().replace(
        "+00:00", "Z"
    )


def test_an_opt_in_ends_an_opt_out_that_was_said_before(acme: httpx.Client) -> None:
    out = an_event(user_id="back", event_type="opt_out", occurred_at="2026-09-01T00:00:00Z")
    back = an_event(user_id="back", event_type="opt_in", occurred_at="2026-09-02T00:00:00Z")
    for events, opted_out_at in (([out], "2026-09-01T00:00:00Z"), ([back], None), ([out], None)):
        assert acme.post("/v1/events", json=events).status_code == 200
        assert acme.get("/v1/users/back").json()["opted_out_at"] == opted_out_at


def test_a_number_for_a_time_comes_back_with_a_guess_at_its_unit(post: Post) -> None:
    response = post("/v1/events", [an_event(occurred_at=1790845200000)])
    problem = assert_refused(response, 422, "time_unit_suspect")
    assert "milliseconds" in problem["hint"]
    assert "2026-10-01T09:00:00" in problem["hint"]
    assert "with a zone" in problem["expected"]


NUMBERS = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "1e400": b"1e400",
    "2^63": b"9223372036854775808",
    "5,000 digits": b"1" * 5_000,
}


@cases(NUMBERS)
def test_numbers_that_no_store_can_hold_are_refused(post: Post, sent: bytes) -> None:
    body = json.dumps(a_device(address={"n": "?"})).encode().replace(b'"?"', sent)
    assert_refused(post("/v1/devices", content=body), 422, "number_out_of_range")


TEXTS = {
    "NUL": b'["\\u0000"]',
    "NUL in a key": b'[{"a\\u0000b": 1}]',
    "lone surrogate": b'["\\ud800"]',
    "lone surrogate in a key": b'[{"\\udfff": 1}]',
    "not UTF-8": b'["\xff"]',
    "latin-1": '["é"]'.encode("latin-1"),
    "CESU surrogates": b'["\xed\xa0\x80"]',
}


@cases(TEXTS)
def test_text_that_no_store_can_hold_is_refused(post: Post, sent: bytes) -> None:
    assert_refused(post("/v1/devices", content=sent), 422, "text_invalid")


# Row 8: an id says one thing for ever.


def test_the_same_event_again_is_a_success_and_another_content_a_conflict(
    acme: httpx.Client, other: httpx.Client
) -> None:
    event = an_event()
    assert acme.post("/v1/events", json=[event]).json()["accepted"] == 1
    for _ in range(3):
        again = acme.post("/v1/events", json=[event])
        assert (again.status_code, again.json()["repeated"]) == (200, 1)
    for changes in (
        {"user_id": "u2"},
        {"event_type": "opt_out"},
        {"occurred_at": "2026-10-01T09:00:01Z"},
        {"timezone": "Europe/Vienna"},
        {"attributes": {"a": 1}},
    ):
        response = acme.post("/v1/events", json=[{**event, **changes}])
        assert_refused(response, 409, "event_conflict")
    # Ids are a tenant's own: nobody else's can stand in the way, or be found out.
    assert other.post("/v1/events", json=[{**event, "user_id": "u2"}]).json()["accepted"] == 1


# Rows 16 to 18 and 21: campaigns.


def a_window(earliest_at: str, latest_at: str) -> dict[str, Any]:
    return {"earliest_at": earliest_at, "latest_at": latest_at}


def a_variant(**changes: Any) -> list[dict[str, Any]]:
    return [{**EXAMPLE["variants"][0], **changes}]


CAMPAIGNS: dict[str, tuple[Any, str]] = {
    "inverted window": (
        a_campaign(send_window=a_window("2026-10-26T00:00:00Z", "2026-10-25T00:00:00Z")),
        "window_invalid",
    ),
    "window over": (
        a_campaign(send_window=a_window("2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z")),
        "no_feasible_slot",
    ),
    "no zone": (
        a_campaign(send_window=a_window("2026-10-25T00:00:00", "2026-10-26T00:00:00")),
        "time_invalid",
    ),
    "epoch": (a_campaign(send_window=a_window(1790845200, 1790931600)), "time_invalid"),  # type: ignore[arg-type]
    "quiet all day": (
        a_campaign(quiet_hours={"start": "08:00", "end": "08:00"}),
        "no_feasible_slot",
    ),
    "24:00": (a_campaign(quiet_hours={"start": "24:00", "end": "08:00"}), "time_invalid"),
    "no variants": (a_campaign(variants=[]), "invalid"),
    "too much text": (a_campaign(variants=a_variant(body="ä" * 2_000)), "payload_too_large"),
    "direction override": (a_campaign(variants=a_variant(title="gpj\u202eexe")), "text_invalid"),
    "escape sequence": (a_campaign(variants=a_variant(body="\u001b[31m")), "text_invalid"),
    "javascript": (a_campaign(variants=a_variant(url="javascript:alert(1)")), "url_not_allowed"),
    "credentials": (
        a_campaign(variants=a_variant(url="https://a:b@c.example/")),
        "url_not_allowed",
    ),
    "header injection": (
        a_campaign(variants=a_variant(url="https://a.example/\r\nX: 1")),
        "url_not_allowed",
    ),
    "relative": (a_campaign(variants=a_variant(url="//a.example/")), "url_not_allowed"),
    "unknown field": (a_campaign(tenant_id="other"), "unknown_field"),
    "unknown channel": (a_campaign(channel="pigeon"), "invalid"),
    "text for a number": (a_campaign(slot_minutes="60"), "wrong_type"),
    "path for an id": (a_campaign(campaign_id="../../etc"), "id_invalid"),
    "everyone, misspelt": (a_campaign(audience="all"), "wrong_type"),
    "nobody": (a_campaign(audience=[]), "audience_invalid"),
    "a list": ([a_campaign()], "wrong_type"),
}


@cases(CAMPAIGNS)
@pytest.mark.parametrize("commit", ["true", "false"])
def test_a_campaign_that_cannot_be_meant_is_refused(
    post: Post, sent: tuple[Any, str], commit: str
) -> None:
    body, code = sent
    assert_refused(post(f"/v1/campaigns?commit={commit}", body), 422, code)


@pytest.mark.parametrize("commit", ["maybe", "2", ""])
def test_commit_is_true_or_false(post: Post, commit: str) -> None:
    response = post(f"/v1/campaigns?commit={commit}", a_campaign())
    assert_refused(response, 422, {"wrong_type", "invalid"}, "commit")


# Rows 27 and 28: devices.

DEVICES: dict[str, tuple[Any, str]] = {
    "no endpoint": (a_device(address={}), "missing_field"),
    "no URL": (a_subscription(endpoint="abc"), "url_not_allowed"),
    "short key": (a_subscription(p256dh="BCVx"), "token_invalid"),
    "not on the curve": (a_subscription(p256dh="BA" + "A" * 85), "token_invalid"),
    "no base64": (a_subscription(p256dh="!" * 87), "token_invalid"),
    "short secret": (a_subscription(auth="BTBZ"), "token_invalid"),
    "another channel's address": (a_device(channel="simulator"), "unknown_field"),
    "unknown channel": (a_device(channel="pigeon"), "channel_unknown"),
    "unknown field": (a_device(billable=True), "unknown_field"),
    "number for a user": (a_device(user_id=7), "wrong_type"),
    "no user": (without(a_device(), "user_id"), "missing_field"),
    **{
        f"webhook to {target}": (
            a_device(channel="webhook", address={"url": target, "secret": "whsec_" + "A" * 32}),
            "url_not_allowed",
        )
        for target in (
            "http://127.0.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://10.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "https://user@hooks.example/",
            "ftp://hooks.example/",
        )
    },
}


@cases(DEVICES)
def test_a_device_that_cannot_be_reached_is_refused(post: Post, sent: tuple[Any, str]) -> None:
    body, code = sent
    assert_refused(post("/v1/devices", body), 422, code)


# Rows 19 and 30: ids that lead nowhere.

STRANGE_IDS = {
    "unknown": "nothing",
    "NUL": "a%00b",
    "line feed": "a%0ab",
    "not UTF-8": "%ff%fe",
    "SQL": "x'%20OR%20'1'%3D'1",
    "wildcard": "%25",
    "path": "..%5c..%5cetc",
    "1,000 characters": "a" * 1_000,
    "emoji": "%F0%9F%92%A9",
}

READS = (
    "/v1/campaigns/{}",
    "/v1/campaigns/{}/preview",
    "/v1/sends/{}",
    "/v1/users/{}",
    "/v1/users/{}/best-times",
)


@cases(STRANGE_IDS)
@pytest.mark.parametrize("path", READS)
def test_unknown_ids_are_not_found(acme: httpx.Client, path: str, sent: str) -> None:
    response = acme.get(path.format(sent))
    problem = assert_refused(
        response, 404, {"not_found", "campaign_unknown", "send_unknown", "user_unknown"}
    )
    assert "'" not in problem["detail"]


@pytest.mark.parametrize(
    "period", ["2026", "2026-13", "2026-1", "october", "2026-10-01", "0000-00"]
)
def test_a_period_is_a_month(acme: httpx.Client, period: str) -> None:
    assert_refused(acme.get(f"/v1/statements/{period}"), 422, "period_invalid")


QUERIES = {"zero": "0", "negative": "-1", "too many": "169", "text": "abc", "float": "1.5"}


@cases(QUERIES)
def test_top_is_1_to_168(acme: httpx.Client, sent: str) -> None:
    response = acme.get(f"/v1/users/u1/best-times?top={sent}")
    assert_refused(response, 422, {"wrong_type", "invalid"}, "top")
