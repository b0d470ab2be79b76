"""One message to one user over HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

CAMPAIGN: dict[str, Any] = {
    "campaign_id": "asked-for",
    "channel": "simulator",
    "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
    "send_window": {"earliest_at": "2026-01-01T00:00:00Z", "latest_at": "2030-01-01T00:00:00Z"},
    "quiet_hours": None,
    "audience": "triggered",
}


@pytest.fixture(scope="module")
def asking(steady: httpx.Client) -> httpx.Client:
    steady.put("/v1/users/asked", json={"timezone": "Europe/Vienna"}).raise_for_status()
    device = {"user_id": "asked", "channel": "simulator", "timezone": "Europe/Vienna"}
    steady.post("/v1/devices", json=device).raise_for_status()
    steady.post("/v1/campaigns?commit=true", json=CAMPAIGN).raise_for_status()
    return steady


def body(key: str, **more: Any) -> dict[str, Any]:
    return {"campaign_id": "asked-for", "user_id": "asked", "send_key": key, **more}


def test_a_request_is_planned_once_and_shown_with_its_decision(asking: httpx.Client) -> None:
    given = body("one", not_after={"local": "2026-10-01T18:00", "plus_minutes": -45})
    first, again = (asking.post("/v1/sends", json=given) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == {**again.json(), "repeated": False}
    assert again.json()["repeated"]
    shown = asking.get(f"/v1/sends/{first.json()['send_id']}").json()
    assert shown["due_at"] == first.json()["due_at"]
    slots = [slot["starts_at"] for slot in shown["decision"]["slots"]]
    assert max(slots) < "2026-10-01T15:15:00Z"  # 17:15 in Vienna
    listed = asking.get("/v1/sends", params={"campaign_id": "asked-for", "user_id": "asked"})
    assert first.json()["send_id"] in {each["send_id"] for each in listed.json()["items"]}


def test_a_list_of_one_users_sends_is_paged(asking: httpx.Client) -> None:
    for key in ("p1", "p2", "p3"):
        asking.post("/v1/sends", json=body(key)).raise_for_status()
    found, cursor = list[str](), None
    while True:
        params = {"campaign_id": "asked-for", "user_id": "asked", "limit": 1}
        page = asking.get("/v1/sends", params=params | ({"cursor": cursor} if cursor else {}))
        found += [each["send_id"] for each in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert len(found) == len(set(found)) >= 3


def test_a_repetition_under_an_idempotency_key_is_answered_the_same(asking: httpx.Client) -> None:
    headers = {"Idempotency-Key": "trigger-1"}
    first, again = (asking.post("/v1/sends", json=body("two"), headers=headers) for _ in range(2))
    assert first.content == again.content
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")


def test_refusals_name_the_field_and_tell_everything(
    asking: httpx.Client, other: httpx.Client
) -> None:
    for given, status, code in (
        (body("x", campaign_id="nothing"), 404, "campaign_unknown"),
        (body("x", user_id="nobody"), 404, "user_unknown"),
        (body("x", not_after="2026-10-01T09:00:00Z"), 422, "no_feasible_slot"),
        (body("x", not_before={"event_id": "e"}), 422, "event_not_happened"),
        (body("x", ignore_quiet_hours=True), 422, "quiet_hours_hold"),
    ):
        answer = asking.post("/v1/sends", json=given)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    asking.post("/v1/sends", json=body("taken")).raise_for_status()
    answer = asking.post("/v1/sends", json=body("taken", within_minutes=5))
    assert (answer.status_code, answer.json()["code"]) == (409, "send_key_taken")
    answer = asking.post("/v1/sends", json={"not_after": 1, "within_minutes": 0, "when": "now"})
    assert {each["field"] for each in answer.json()["errors"]} == {
        *("/campaign_id", "/user_id", "/send_key", "/not_after", "/within_minutes", "/when")
    }
    assert other.post("/v1/sends", json=body("x")).json()["code"] == "campaign_unknown"


def test_a_list_of_requests_has_a_verdict_on_each(asking: httpx.Client) -> None:
    requests = [
        body("l1"),
        body("l1"),
        body("l2", not_after="2020-01-01T00:00:00Z", within_minutes=-1),
        body("l3", user_id="nobody-at-all"),
        7,
        body("l4"),
    ]
    answer = asking.post("/v1/sends/batch", json=requests)
    told = answer.json()
    assert answer.status_code == 207
    assert (told["accepted"], told["repeated"], told["rejected"]) == (2, 1, 3)
    first, again, odd, unknown, none, last = told["verdicts"]
    assert first["send"] == {**again["send"], "repeated": False}
    assert {each["field"] for each in odd["errors"]} >= {"/2/within_minutes"}
    assert [(each["field"], each["code"]) for each in unknown["errors"]] == [
        ("/3/user_id", "user_unknown")
    ]
    assert none["errors"][0]["field"] == "/4"
    assert asking.get(f"/v1/sends/{last['send']['send_id']}").status_code == 200
    lines = "\n".join(json.dumps(each) for each in (body("l1"), body("l5")))
    by_line = asking.post(
        "/v1/sends/batch", content=lines, headers={"content-type": "application/x-ndjson"}
    )
    assert by_line.status_code == 200
    assert [each["verdict"] for each in by_line.json()["verdicts"]] == ["repeated", "accepted"]


def test_a_list_that_is_none_is_refused_as_a_whole(asking: httpx.Client) -> None:
    for given, code in (
        ([], "empty_batch"),
        ({}, "wrong_type"),
        ([body("x")] * 501, "too_many_items"),
    ):
        answer = asking.post("/v1/sends/batch", json=given)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
