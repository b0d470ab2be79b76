"""Stored campaigns are planned together over HTTP, as their preview showed or not at all."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

CAMPAIGN: dict[str, Any] = {
    "channel": "simulator",
    "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
    "send_window": {"earliest_at": "2026-10-02T00:00:00Z", "latest_at": "2026-10-03T00:00:00Z"},
    "quiet_hours": None,
    "audience": ["together"],
}
NAMES = ["together-1", "together-2"]


@pytest.fixture(scope="module")
def stored(steady: httpx.Client) -> httpx.Client:
    device = {"user_id": "together", "channel": "simulator", "timezone": "Europe/Vienna"}
    steady.post("/v1/devices", json=device).raise_for_status()
    for name in NAMES:
        campaign = CAMPAIGN | {"campaign_id": name}
        steady.post("/v1/campaigns", json=campaign).raise_for_status()
    return steady


def test_a_plan_of_another_size_is_refused_and_the_previewed_one_committed(
    stored: httpx.Client,
) -> None:
    previewed = stored.post("/v1/plans/preview", json={"campaign_ids": NAMES}).json()["previews"]
    assert [each["planned_count"] for each in previewed] == [1, 1]
    wrong = {"campaign_ids": NAMES, "expected_sends": {"count": 3}}
    refused = stored.post("/v1/plans", json=wrong)
    assert (refused.status_code, refused.json()["code"]) == (409, "expected_sends_differ")
    for name in NAMES:
        assert stored.get(f"/v1/campaigns/{name}").json()["phase"] == "draft"
    right = {"campaign_ids": NAMES, "expected_sends": {"count": 3, "may_differ_by": 1}}
    committed = stored.post("/v1/plans", json=right)
    assert committed.status_code == 200, committed.text
    assert committed.json()["previews"] == previewed
    for name in NAMES:
        assert stored.get(f"/v1/campaigns/{name}").json()["counts"]["planned"] == 1
