"""Lists, a page at a time, what came of a campaign, and each attempt of a send."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from api.conftest import NOW

from sendopt.app import App
from sendopt.records import TenantId
from sendopt.state.tables import attempt, click, planned_send, response


@contextmanager
def of_a_tenant(app: App, url: str, tenant_id: TenantId) -> Iterator[httpx.Client]:
    """A new tenant of ten users with a device each, and a campaign that was committed."""
    app.operator.create_tenant(tenant_id, timezone="Europe/Vienna")
    headers = {"Authorization": f"Bearer {app.as_owner_of(tenant_id).keys.issue('tests').key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        for number in range(10):
            device = {"device_id": f"d{number}", "user_id": f"u{number}", "channel": "simulator"}
            assert client.post("/v1/devices", json={**device, "address": {}}).status_code == 200
        for name in ("spring", "summer"):
            definition = {
                "campaign_id": name,
                "channel": "simulator",
                "variants": [
                    {"variant_id": "plain", "title": "T", "body": "B", "url": "https://a.example/"}
                ],
                "send_window": {
                    "earliest_at": "2026-10-02T00:00:00Z",
                    "latest_at": "2026-10-03T00:00:00Z",
                },
                "audience": "everyone",
                "quiet_hours": None,
            }
            commit = "?commit=true" if name == "spring" else ""
            answer = client.post(f"/v1/campaigns{commit}", json=definition)
            assert answer.status_code == 201, answer.text
        yield client


@pytest.fixture(scope="module")
def listed(app: App, url: str) -> Iterator[httpx.Client]:
    """A tenant whose rows no test changes."""
    with of_a_tenant(app, url, TenantId("listed")) as client:
        yield client


@pytest.fixture
def changed(app: App, url: str) -> Iterator[tuple[TenantId, httpx.Client]]:
    """A tenant of the test's own."""
    tenant_id = TenantId(f"changed-{app.random_bytes(8).hex()}")
    with of_a_tenant(app, url, tenant_id) as client:
        yield tenant_id, client


def walk(client: httpx.Client, path: str, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(100):
        asked = filters | ({} if cursor is None else {"cursor": cursor})
        answer = client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("limit", [1, 3, 10, 1_000])
def test_every_item_comes_once_and_in_order(listed: httpx.Client, limit: int) -> None:
    users = [f"u{number}" for number in range(10)]
    assert [each["user_id"] for each in walk(listed, "/v1/users", limit=limit)] == users
    devices = walk(listed, "/v1/devices", limit=limit)
    assert [each["device_id"] for each in devices] == [f"d{number}" for number in range(10)]
    assert all("address" not in each for each in devices)
    sends = walk(listed, "/v1/sends", limit=limit)
    assert [each["user_id"] for each in sends] == users
    campaigns = walk(listed, "/v1/campaigns", limit=limit)
    assert {each["campaign_id"]: each["phase"] for each in campaigns} == {
        "spring": "committed",
        "summer": "draft",
    }


def test_filters_narrow_a_list(listed: httpx.Client) -> None:
    assert [each["user_id"] for each in walk(listed, "/v1/sends", user_id="u3")] == ["u3"]
    assert len(walk(listed, "/v1/sends", campaign_id="spring", state="planned", limit=4)) == 10
    assert walk(listed, "/v1/sends", campaign_id="summer") == []
    assert walk(listed, "/v1/sends", state=["failed", "expired"]) == []
    assert walk(listed, "/v1/sends", due_until="2026-10-02T00:00:00Z") == []
    assert len(walk(listed, "/v1/sends", due_from="2026-10-02T02:00:00+02:00")) == 10
    assert [each["device_id"] for each in walk(listed, "/v1/devices", user_id="u3")] == ["d3"]
    assert walk(listed, "/v1/devices", dead=True) == walk(listed, "/v1/users", opted_out=True) == []
    assert [each["campaign_id"] for each in walk(listed, "/v1/campaigns", phase="draft")] == [
        "summer"
    ]


def test_a_draft_is_edited_and_what_was_committed_is_not(
    changed: tuple[TenantId, httpx.Client],
) -> None:
    _, client = changed
    for name, expected in (("summer", (200, None)), ("spring", (409, "campaign_conflict"))):
        definition = client.get(f"/v1/campaigns/{name}").json()["definition"]
        definition["variants"][0]["title"] = "Corrected"
        answer = client.post("/v1/campaigns", json=definition)
        assert (answer.status_code, answer.json().get("code")) == expected
    stored = client.get("/v1/campaigns/summer").json()["definition"]
    assert stored["variants"][0]["title"] == "Corrected"
    told = client.post("/v1/campaigns", json=stored).json()
    assert (told["repeated"], told["changed"]) == (True, False)


def test_what_was_committed_is_paused_revised_and_resumed(
    changed: tuple[TenantId, httpx.Client],
) -> None:
    _, client = changed
    assert client.post("/v1/campaigns/spring/pause").json()["phase"] == "paused"
    paused = walk(client, "/v1/campaigns", phase="paused")
    assert [each["campaign_id"] for each in paused] == ["spring"]
    definition = client.get("/v1/campaigns/spring").json()["definition"]
    definition["variants"][0]["title"] = "Corrected"
    for name, expected in (
        ("summer", (422, "id_mismatch")),
        ("spring", (200, None)),
    ):
        answer = client.post(f"/v1/campaigns/{name}/revise", json=definition)
        assert (answer.status_code, answer.json().get("code")) == expected
    assert (answer.json()["revision"], answer.json()["planned_count"]) == (2, 10)
    assert {send["revision"] for send in walk(client, "/v1/sends", campaign_id="spring")} == {2}
    results = client.get("/v1/campaigns/spring/results").json()
    assert results["by_revision"] == {"2": results["total"]}
    assert client.post("/v1/campaigns/spring/resume").json()["phase"] == "committed"
    refused = client.post("/v1/campaigns/summer/pause")
    assert (refused.status_code, refused.json()["code"]) == (409, "campaign_not_committed")
    assert client.post("/v1/campaigns/summer/commit").json()["counts"]["planned"] == 10
    assert client.get("/v1/campaigns/summer").json()["rules"]["slot_minutes"] == 60


def test_a_browser_is_taken_over_and_logged_out(
    changed: tuple[TenantId, httpx.Client],
) -> None:
    _, client = changed
    device = {"device_id": "d3", "user_id": "bob", "channel": "simulator", "address": {}}
    assert client.post("/v1/devices", json=device).json()["user_id"] == "bob"
    assert walk(client, "/v1/devices", user_id="u3") == []
    assert client.delete("/v1/devices/d4").status_code == 204
    assert client.delete("/v1/devices/d4").json()["code"] == "device_unknown"
    assert walk(client, "/v1/devices", user_id="u4") == []
    assert [each["device_id"] for each in walk(client, "/v1/devices", user_id="bob")] == ["d3"]


def test_another_tenant_sees_none_of_it(listed: httpx.Client, other: httpx.Client) -> None:
    cursor = listed.get("/v1/users", params={"limit": 1}).json()["next_cursor"]
    seen = other.get("/v1/users", params={"limit": 1, "cursor": cursor}).json()["items"]
    assert seen == [each for each in walk(other, "/v1/users") if each["user_id"] > "u0"][:1]
    assert walk(other, "/v1/sends", campaign_id="spring") == []
    foreign = other.get("/v1/campaigns/spring/results")
    unknown = other.get("/v1/campaigns/nobodys/results")
    assert (foreign.status_code, unknown.status_code) == (404, 404)


def cursor_of(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "é", "%00", "null", "a" * 2_000),
        cursor_of(),
        cursor_of("0" * 16, "u1"),
        cursor_of("0" * 16, "u1", "u2"),
        cursor_of("0" * 16, 7),
        cursor_of("0" * 16, None),
        cursor_of("0" * 16, {"a": []}),
        cursor_of("0" * 16, "a\0"),
        cursor_of("0" * 16, "\ud800"),
        base64.urlsafe_b64encode(b"[" * 1_400).decode(),
    ],
)
@pytest.mark.parametrize(
    "path",
    ["/v1/users", "/v1/sends", "/v1/devices", "/v1/campaigns", "/v1/models", "/v1/statements"],
)
def test_what_is_no_cursor_is_refused(listed: httpx.Client, path: str, cursor: str) -> None:
    answer = listed.get(path, params={"cursor": cursor})
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["field"]) == ("cursor_invalid", "cursor")


def test_a_cursor_that_is_none_is_told_of_with_all_else(listed: httpx.Client) -> None:
    wrong = {"cursor": "x", "limit": 0, "state": "gone", "staet": "planned"}
    answer = listed.get("/v1/sends", params=wrong)
    assert answer.status_code == 422
    told = {each["field"]: each["code"] for each in answer.json()["errors"]}
    assert told == {
        "cursor": "cursor_invalid",
        "limit": "invalid",
        "state": "invalid",
        "staet": "unknown_parameter",
    }


def test_a_cursor_belongs_to_its_list_and_its_filters(listed: httpx.Client) -> None:
    first = listed.get("/v1/sends", params={"limit": 1, "campaign_id": "spring"}).json()
    cursor = first["next_cursor"]
    for path, filters in (("/v1/sends", {"campaign_id": "summer"}), ("/v1/sends", {})):
        answer = listed.get(path, params={**filters, "cursor": cursor})
        assert answer.json()["code"] == "cursor_invalid"
    more = {"campaign_id": "spring", "cursor": cursor, "limit": 5}
    assert len(listed.get("/v1/sends", params=more).json()["items"]) == 5


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 1_001}, {"state": "sent"}, {"due_from": "soon"}, {"usr_id": "u1"}],
)
def test_a_filter_that_is_none_is_refused(listed: httpx.Client, query: dict[str, Any]) -> None:
    assert listed.get("/v1/sends", params=query).status_code == 422


def test_a_send_tells_each_attempt_and_the_time_of_the_next(
    app: App, changed: tuple[TenantId, httpx.Client]
) -> None:
    tenant_id, client = changed
    send_id = walk(client, "/v1/sends", user_id="u1")[0]["send_id"]
    again_at = NOW + timedelta(minutes=4)
    with app.state.write(tenant_id) as tx:
        of_send = {"tenant_id": tenant_id, "send_id": send_id, "provider": "webhook"}
        tx.execute(
            sa.insert(attempt).values(
                **of_send,
                number=1,
                device_id="phone",
                started_at=NOW,
                finished_at=NOW + timedelta(seconds=1),
                outcome="retry",
                reason="receiver_failed",
            )
        )
        tx.execute(
            sa.update(planned_send)
            .where(tx.owns(planned_send), planned_send.c.send_id == send_id)
            .values(attempt_count=1, ready_at=again_at)
        )
    told = client.get(f"/v1/sends/{send_id}").json()
    assert told["attempts"] == [
        {
            "number": 1,
            "provider": "webhook",
            "device_id": "phone",
            "started_at": "2026-10-01T09:30:00Z",
            "finished_at": "2026-10-01T09:30:01Z",
            "outcome": "retry",
            "reason": "receiver_failed",
        }
    ]
    assert told["next_attempt_at"] == "2026-10-01T09:34:00Z"


def test_results_count_what_came_of_a_campaign(
    app: App, changed: tuple[TenantId, httpx.Client]
) -> None:
    tenant_id, client = changed
    sends = walk(client, "/v1/sends", campaign_id="spring")
    delivered, failed = sends[:4], sends[4]
    with app.state.write(tenant_id) as tx:
        for send in delivered:
            tx.execute(
                sa.update(planned_send)
                .where(tx.owns(planned_send), planned_send.c.send_id == send["send_id"])
                .values(state="delivered", reason="accepted", handed_over_at=NOW)
            )
        tx.execute(
            sa.update(planned_send)
            .where(tx.owns(planned_send), planned_send.c.send_id == failed["send_id"])
            .values(state="failed", reason="gave_up")
        )
        for number, (send, kind) in enumerate(
            [(delivered[0], "open"), (delivered[1], "open"), (delivered[0], "response")]
        ):
            tx.execute(
                sa.insert(response).values(
                    tenant_id=tenant_id, send_id=send["send_id"], kind=kind, occurred_at=NOW
                )
            )
            tx.execute(
                sa.insert(click).values(
                    tenant_id=tenant_id,
                    click_id=f"c{number}",
                    send_id=delivered[0]["send_id"],
                    link_id="l",
                    occurred_at=NOW,
                    user_agent="",
                    filtered_reason=None if number == 0 else "duplicate",
                )
            )
    results = client.get("/v1/campaigns/spring/results").json()
    assert results["total"] == {
        "sends": 10,
        "delivered": 4,
        "opened": 2,
        "clicked": 1,
        "responded": 1,
        "dismissed": 0,
        "opted_out": 0,
        "states": {"delivered": 4, "failed": 1, "planned": 5},
        "reasons": {"gave_up": 1},
    }
    assert results["by_variant"] == {"plain": results["total"]}
    assert results["by_channel"] == {"simulator": results["total"]}
    assert sum(hour["sends"] for hour in results["by_local_hour"].values()) == 10
