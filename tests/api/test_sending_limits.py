"""Limits over all campaigns, over HTTP."""

from __future__ import annotations

import copy
from typing import Any

import httpx

from sendopt.schedule.limits import EXAMPLE

LEAST = {"no_send_share": 0, "legal_hours": False}


def test_limits_are_said_shown_and_said_again(acme: httpx.Client, other: httpx.Client) -> None:
    nothing = other.get("/v1/limits").json()
    assert (nothing["version"], nothing["since"]) == (0, None)
    assert (nothing["redundant"], nothing["past_review"]) == ([], [])
    first = acme.put("/v1/limits", json=EXAMPLE)
    assert first.status_code == 200, first.text
    told = first.json()
    assert acme.get("/v1/limits").json() == told
    # In other words, and as it was shown.
    other_words = copy.deepcopy(EXAMPLE)
    other_words["caps"][0]["within"] = "1440m"
    for again in (EXAMPLE, other_words, told["limits"]):
        assert acme.put("/v1/limits", json=again).json() == told
    changed = acme.put("/v1/limits", json=LEAST).json()
    assert changed["version"] == told["version"] + 1
    assert acme.get("/v1/limits", params={"version": told["version"]}).json() == told
    assert other.get("/v1/limits").json() == nothing


def test_whoever_changes_them_is_recorded(acme: httpx.Client) -> None:
    before = acme.put("/v1/limits", json=LEAST | {"weekly_budget": 7}).json()
    after = acme.put("/v1/limits", json=LEAST | {"weekly_budget": 6}).json()
    chosen = {"action": "limits:put", "target": f"version {after['version']}"}
    (record,) = acme.get("/v1/audit", params=chosen).json()["items"]
    assert (record["before"], record["after"]) == (before["limits"], after["limits"])


def test_a_version_that_never_was_is_unknown(acme: httpx.Client) -> None:
    answer = acme.get("/v1/limits", params={"version": 2**31 - 1})
    assert (answer.status_code, answer.json()["code"]) == (404, "limits_unknown")


def test_everything_that_is_wrong_comes_back_at_once(acme: httpx.Client) -> None:
    before = acme.get("/v1/limits").json()
    wrong: dict[str, Any] = {"weekly_budget": 0, "least_gap": "soon", "legal_hours": True}
    answer = acme.put("/v1/limits", json=wrong)
    assert answer.status_code == 422
    assert {each["field"] for each in answer.json()["errors"]} == {
        "/weekly_budget",
        "/least_gap",
        "/no_send_share",
    }
    assert acme.get("/v1/limits").json() == before


def test_what_never_binds_is_told(acme: httpx.Client) -> None:
    caps = [{"at_most": 2, "within": "24h"}, {"at_most": 20, "within": "7d"}]
    (told,) = acme.put("/v1/limits", json=LEAST | {"caps": caps}).json()["redundant"]
    assert told == {"field": "/caps/1", "message": "never binds: 2 within 1d is as strict"}
