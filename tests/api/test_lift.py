"""The lift report over REST: the tenant's own, with limits, never without an experiment."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


def test_without_an_experiment_the_answer_says_why_there_is_no_lift(other: httpx.Client) -> None:
    answer = other.get("/v1/lift").json()
    assert answer["lift"] is None
    assert answer["refusal"]["code"] == "no_randomised_arms"
    assert answer["refusal"]["remedy"]
    assert (answer["campaigns"], answer["waiting"], answer["window_seconds"]) == ([], [], 86_400)


def test_a_campaign_waits_until_its_last_answer_can_be_in(
    acme: httpx.Client, other: httpx.Client
) -> None:
    acme.post("/v1/devices", json={"user_id": "tested", "channel": "simulator"})
    campaign = {
        "campaign_id": "experiment",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "T", "body": "B"}],
        "send_window": {
            "earliest_at": "2026-10-02T00:00:00Z",
            "latest_at": "2026-10-03T00:00:00Z",
        },
        "audience": ["tested"],
        "quiet_hours": None,
        "holdout": {"share": 0.5},
    }
    assert acme.post("/v1/campaigns?commit=true", json=campaign).status_code == 201
    answer = acme.get("/v1/lift", params={"campaign_id": "experiment"}).json()
    assert (answer["campaigns"], answer["waiting"]) == ([], ["experiment"])
    assert answer["lift"] is None
    foreign = other.get("/v1/lift", params={"campaign_id": "experiment"})
    unknown = other.get("/v1/lift", params={"campaign_id": "nobodys"})
    assert foreign.status_code == unknown.status_code == 404
    assert other.get("/v1/lift").json()["waiting"] == []


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"effect": 0}, "effect"),
        ({"effect": 1}, "effect"),
        ({"effect": "much"}, "effect"),
        ({"window_seconds": 0}, "window_seconds"),
        ({"outcome": "session"}, "outcome"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-10-01T09:00:00"}, "since"),
        ({"campaign_id": ["spring", "\0"]}, "campaign_id"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(
    acme: httpx.Client, params: dict[str, Any], field: str
) -> None:
    problem = acme.get("/v1/lift", params=params)
    assert problem.status_code == 422
    assert problem.json()["field"].endswith(field)
