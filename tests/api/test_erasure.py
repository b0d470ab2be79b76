"""Over REST a user is exported, erased with a receipt, and refused from then on."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sendopt.app import App
from sendopt.records import TenantId, UserId

USER = "ann/ä 1"
CAMPAIGN = {
    "channel": "simulator",
    "variants": [{"variant_id": "plain", "title": "T", "body": "B", "url": None}],
    "quiet_hours": None,
    "send_window": {"earliest_at": "2026-10-02T00:00:00Z", "latest_at": "2026-10-03T00:00:00Z"},
}
PATH = "/v1/users/ann%2F%C3%A4%201"


def an_event(number: int, **told: Any) -> dict[str, Any]:
    return {
        "event_id": f"of-her-{number}",
        "user_id": USER,
        "event_type": "session",
        "occurred_at": "2026-10-01T08:00:00Z",
        **told,
    }


def test_a_user_is_exported_erased_and_refused(acme: httpx.Client, app: App) -> None:
    acme.put(PATH, json={"timezone": "Europe/Vienna"})
    acme.post("/v1/devices", json={"user_id": USER, "channel": "simulator", "device_id": "hers"})
    acme.post("/v1/events", json=[an_event(number) for number in range(3)])
    app.rounds.copy_to_log()
    held = acme.get(f"{PATH}/export").json()
    assert held["profile"][0]["timezone"] == "Europe/Vienna"
    assert [device["device_id"] for device in held["devices"]] == ["hers"]
    assert len(held["events"]) == len(held["recorded_events"]) == 3

    answer = acme.delete(PATH)
    assert answer.status_code == 202
    begun = answer.json()
    assert (begun["step"], begun["done_at"]) == ("asked", None)
    assert acme.delete(PATH).json() == begun
    assert acme.get(PATH).json()["code"] == "user_unknown"
    app.rounds.erase()
    receipt = acme.get(answer.headers["Location"]).json()
    assert receipt["step"] == "done"
    assert receipt["counts"] == {
        "devices_deleted": 1,
        "events_deleted": 3,
        "logged_events_erased": 3,
        "profiles_deleted": 1,
    }
    assert USER not in str(receipt)

    for refused in (
        acme.put(PATH, json={"timezone": None}),
        acme.put(f"{PATH}/consent", json={"given": True, "source": "a test"}),
        acme.put(
            f"{PATH}/preferences",
            json={"topics": {"news": False}, "quiet_hours": None, "snoozed_until": None},
        ),
        acme.post("/v1/devices", json={"user_id": USER, "channel": "simulator"}),
        acme.post("/v1/events", json=[an_event(9)]),
    ):
        assert refused.json()["code"] == "user_erased"
        assert USER not in refused.text
    assert acme.get(f"{PATH}/export").json()["code"] == "user_unknown"
    assert acme.get(f"{PATH}/best-times").json()["code"] == "user_unknown"


def test_nothing_of_before_comes_back(acme: httpx.Client, app: App, url: str) -> None:
    user = "gone-4711"
    device = {"user_id": user, "channel": "simulator", "device_id": "of-before"}
    assert acme.post("/v1/devices", json=device).status_code == 200
    token = acme.post(f"/v1/users/{user}/device-token", json={}).json()["token"]
    assert acme.delete(f"/v1/users/{user}").status_code == 202
    preview = acme.post(
        "/v1/campaigns/of-before/preview",
        json={"campaign_id": "of-before", "audience": [user], **CAMPAIGN},
    )
    assert (preview.status_code, preview.json()["code"]) == (409, "user_erased")
    assert user not in preview.text
    app.rounds.erase()
    app.as_owner_of(TenantId("acme")).users.readmit(UserId(user))
    assert acme.put(f"/v1/users/{user}", json={"timezone": None}).status_code == 200
    own = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{url}/v1/me/devices", headers=own).status_code in {401, 405}
    body = {"device_id": "of-before"}
    assert httpx.post(f"{url}/v1/me/devices", json=body, headers=own).status_code == 401


def test_another_tenant_sees_no_receipt(acme: httpx.Client, other: httpx.Client) -> None:
    receipt = acme.delete("/v1/users/somebody").json()
    answer = other.get(f"/v1/erasures/{receipt['erasure_id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "erasure_unknown")
    assert other.put("/v1/users/somebody", json={"timezone": None}).status_code == 200


@pytest.mark.parametrize("role", ["campaign_manager", "analyst", "auditor", "ingest", "finance"])
def test_only_owners_and_admins_may(acme: httpx.Client, url: str, role: str) -> None:
    made = acme.post("/v1/keys", json={"name": role, "role": role}).json()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {made['key']}"}) as asking:
        assert asking.delete("/v1/users/anybody").status_code == 403
        assert asking.get("/v1/users/anybody/export").status_code == 403
