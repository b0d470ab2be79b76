"""Profiles of users: set, shown, forgotten, and used by the next plan."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sendopt.app import App
from sendopt.records import TenantId


def test_a_profile_is_set_shown_changed_and_forgotten(acme: httpx.Client) -> None:
    assert acme.get("/v1/users/profiled").json()["code"] == "user_unknown"
    for timezone in ("Europe/Vienna", "Asia/Kolkata", None):
        profile = {"user_id": "profiled", "timezone": timezone, "opted_out_at": None}
        for _ in range(2):
            answer = acme.put("/v1/users/profiled", json={"timezone": timezone})
            assert (answer.status_code, answer.json()) == (200, profile)
        assert acme.get("/v1/users/profiled").json() == profile


def test_no_profile_ends_an_opt_out(acme: httpx.Client) -> None:
    event = {
        "event_id": "leave-me-alone",
        "user_id": "tired",
        "event_type": "opt_out",
        "occurred_at": "2026-10-01T09:00:00Z",
    }
    assert acme.post("/v1/events", json=[event]).status_code == 200
    before = acme.get("/v1/users/tired").json()
    assert before["opted_out_at"] is not None
    after = acme.put("/v1/users/tired", json={"timezone": "Europe/Vienna"}).json()
    assert after == {**before, "timezone": "Europe/Vienna"}


def test_another_tenant_sees_nothing_of_it(acme: httpx.Client, other: httpx.Client) -> None:
    acme.put("/v1/users/shared", json={"timezone": "Europe/Vienna"})
    assert other.get("/v1/users/shared").status_code == 404
    other.put("/v1/users/shared", json={"timezone": "Asia/Tokyo"})
    assert acme.get("/v1/users/shared").json()["timezone"] == "Europe/Vienna"


def test_the_next_plan_uses_the_zone_of_the_profile(acme: httpx.Client) -> None:
    acme.post("/v1/devices", json={"user_id": "far", "channel": "simulator"})
    acme.put("/v1/users/far", json={"timezone": "Asia/Tokyo"})
    campaign = {
        "campaign_id": "far",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "T", "body": "B"}],
        "send_window": {
            "earliest_at": "2026-10-02T00:00:00Z",
            "latest_at": "2026-10-03T00:00:00Z",
        },
        "audience": ["far"],
        "quiet_hours": None,
    }
    preview = acme.post("/v1/campaigns/far/preview", json=campaign).json()
    assert preview["by_local_hour"]["18"] == 1


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"timezone": "CST"}, "zone_invalid", "/timezone"),
        ({"timezone": ""}, "zone_invalid", "/timezone"),
        ({"timezone": 1}, "wrong_type", "/timezone"),
        ({}, "missing_field", "/timezone"),
        ({"timezone": None, "opted_out_at": None}, "unknown_field", "/opted_out_at"),
        ({"timezone": None, "tenant_id": "other"}, "unknown_field", "/tenant_id"),
        ("Europe/Vienna", "wrong_type", None),
    ],
)
def test_a_profile_that_cannot_be_meant_is_refused(
    acme: httpx.Client, body: Any, code: str, field: str | None
) -> None:
    before = acme.put("/v1/users/steady", json={"timezone": "Europe/Vienna"}).json()
    problem = acme.put("/v1/users/steady", json=body)
    assert (problem.status_code, problem.json()["code"]) == (422, code)
    assert (problem.json().get("field") or None) == field
    assert acme.get("/v1/users/steady").json() == before


def test_a_user_id_that_reads_as_another_is_refused(app: App, acme: httpx.Client) -> None:
    refused = acme.put("/v1/users/a%E2%80%AEnna", json={"timezone": None})
    assert (refused.status_code, refused.json()["code"]) == (422, "text_invalid")
    assert refused.json()["field"] == "user_id"
    for unheard_of, told in (("a%00b", "holds a control character"), ("a" * 257, "is too long")):
        refused = acme.put(f"/v1/users/{unheard_of}", json={"timezone": None})
        assert (refused.status_code, refused.json()["code"]) == (422, "text_invalid")
        assert (refused.json()["field"], refused.json()["detail"]) == ("user_id", told)
    assert acme.put(f"/v1/users/{'a' * 256}", json={"timezone": None}).status_code == 200
    assert app.as_owner_of(TenantId("acme")).users.get("a" * 256).timezone is None  # type: ignore[arg-type]
