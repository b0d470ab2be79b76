"""What is wrong with a request is said all at once, each with what helps."""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sendopt.app import App
from sendopt.records import TenantId, UserId
from sendopt.schedule import EXAMPLE


def every_operation(client: httpx.Client) -> list[tuple[str, str]]:
    paths = client.get("/openapi.json").json()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    return [*found, ("GET", "/openapi.json")]


def faults(response: httpx.Response) -> dict[str, dict[str, Any]]:
    """Return what is wrong by the field where it is, the whole being ""."""
    problem = response.json()
    told = problem["errors"]
    first = {name: problem.get(name) for name in ("field", "code", "expected", "hint")}
    assert {name: told[0].get(name) for name in first} == first
    assert problem["detail"].endswith(told[0]["detail"])
    assert (f"{len(told)} things are wrong" in problem["detail"]) == (len(told) > 1)
    return {each.get("field", ""): each for each in problem["errors"]}


def test_no_route_lets_a_parameter_go_unheard(
    app: App, acme: httpx.Client, operator: httpx.Client
) -> None:
    work = app.as_owner_of(TenantId("acme"))
    token = work.device_tokens.issue(UserId("unheard"), lifetime=timedelta(hours=1)).token
    spoken = {"/v1/me/": token, "/v1/operator/": app.operator.keys.issue("unheard").key}
    for method, template in every_operation(acme):
        if template == "/healthz":
            continue  # answered before any route: nobody must restart a service for its query
        path = re.sub(r"\{\w+\}", "delivery", template)
        client = operator if path == "/metrics" else acme
        own = {f"Bearer {key}" for prefix, key in spoken.items() if path.startswith(prefix)}
        authorization = own.pop() if own else client.headers["Authorization"]
        response = client.request(
            method, path, params={"no_such": "1"},
            headers={"Content-Type": "application/json", "Authorization": authorization},
            content=b"{}" if method in {"POST", "PUT"} else None,
        )  # fmt: skip
        if (method, template) == ("GET", "/t/{token}"):
            assert response.json()["code"] == "link_unknown"
            continue
        assert response.status_code == 422, (method, template, response.text)
        assert faults(response)["no_such"]["code"] == "unknown_parameter", (method, template)


def test_a_commit_that_is_misspelt_commits_nothing_and_says_so(acme: httpx.Client) -> None:
    definition = {**deepcopy(EXAMPLE), "campaign_id": "misspelt"}
    refused = acme.post("/v1/campaigns?comit=true", json=definition)
    assert refused.status_code == 422
    told = faults(refused)["comit"]
    assert (told["code"], told["hint"]) == ("unknown_parameter", "did you mean commit?")
    assert acme.get("/v1/campaigns/misspelt").status_code == 404


def test_every_parameter_is_told_at_once(acme: httpx.Client) -> None:
    query = {"windw_seconds": "1", "effect": "7", "outcome": "opn", "since": "yesterday"}
    told = faults(acme.get("/v1/lift", params=query))
    assert {field: each["code"] for field, each in told.items()} == {
        "windw_seconds": "unknown_parameter",
        "effect": "invalid",
        "outcome": "outcome_unknown",
        "since": "time_invalid",
    }
    assert told["windw_seconds"]["hint"] == "did you mean window_seconds?"
    assert told["outcome"]["hint"] == "did you mean open?"
    assert told["effect"]["expected"]


def test_a_parameter_that_stands_twice_is_no_choice_of_the_last_one(acme: httpx.Client) -> None:
    told = faults(acme.post("/v1/campaigns?commit=true&commit=false", json=EXAMPLE))
    assert told["commit"]["code"] == "repeated_parameter"
    several = acme.get("/v1/lift?campaign_id=one&campaign_id=two")
    assert several.json()["code"] == "campaign_unknown"


def test_a_stranger_learns_nothing_of_parameters(stranger: httpx.Client) -> None:
    assert stranger.get("/v1/lift?no_such=1").status_code == 401


def test_every_slip_of_a_device_is_told_with_what_was_meant(acme: httpx.Client) -> None:
    device = {
        "user": "ann",
        "channel": "webpush",
        "platfrom": "iOS",
        "timezone": "Europe/Wien",
    }
    told = faults(acme.post("/v1/devices", json=device))
    hints = {field: each.get("hint") for field, each in told.items()}
    assert hints == {
        "/user": "did you mean user_id?",
        "/user_id": None,
        "/platfrom": "did you mean platform?",
        "/channel": "did you mean web_push?",
        "/timezone": "did you mean Europe/Vienna?",
    }


def test_all_that_is_wrong_with_a_profile_is_told(acme: httpx.Client) -> None:
    body = {"timezone": "Europe/Wien", "platfrom": "iOS"}
    told = faults(acme.put("/v1/users/NULL", json=body))
    assert told.keys() == {"user_id", "/timezone", "/platfrom"}
    assert told["/timezone"]["hint"] == "did you mean Europe/Vienna?"


def test_a_receiver_at_home_is_refused_with_the_setting_for_it(acme: httpx.Client) -> None:
    address = {"url": "http://127.0.0.1:9000/", "secret": "whsec_" + "A" * 32}
    device = {"user_id": "ann", "channel": "webhook", "address": address}
    told = faults(acme.post("/v1/devices", json=device))
    assert "SENDOPT_DELIVER__ALLOW_PRIVATE_ADDRESSES" in told["/address/url"]["hint"]


WRONG_CAMPAIGNS: dict[str, tuple[Any, str, str]] = {
    "a number for a holdout": (
        {**EXAMPLE, "holdout": 0.1},
        "/holdout",
        'an object such as {"share": 0.1, "time": "configured"} or null',
    ),
    "text for a flag": ({**EXAMPLE, "urgent": "True"}, "/urgent", "true or false"),
    "a choice": (
        {**EXAMPLE, "exploration": {"policy": "greedyy"}},
        "/exploration/policy",
        '"greedy", "epsilon_greedy" or "thompson"',
    ),
    "a range": (
        {**EXAMPLE, "time_to_live_minutes": 0},
        "/time_to_live_minutes",
        "a whole number from 1 to 40,320",
    ),
}


@pytest.mark.parametrize("name", list(WRONG_CAMPAIGNS))
def test_a_campaign_is_told_in_json_what_belongs_there(acme: httpx.Client, name: str) -> None:
    definition, field, expected = WRONG_CAMPAIGNS[name]
    told = faults(acme.post("/v1/campaigns", json=definition))
    assert told[field]["expected"] == expected


def test_a_list_of_campaigns_is_told_to_be_one(acme: httpx.Client) -> None:
    told = faults(acme.post("/v1/campaigns", json=[EXAMPLE]))[""]
    assert told["code"] == "wrong_type"
    assert told["detail"] == "the whole of it is a list"
    assert "[ ]" in told["hint"]


def test_all_that_is_wrong_with_an_event_is_told(acme: httpx.Client) -> None:
    event = {"event_id": "f-1", "user_id": "NULL", "event_type": "clik", "occurred_at": "soon"}
    told = faults(acme.post("/v1/events", json=[event]))
    assert {field: each["code"] for field, each in told.items()} == {
        "/0/user_id": "null_spelled",
        "/0/event_type": "event_type_unknown",
        "/0/occurred_at": "time_invalid",
    }
    assert told["/0/event_type"]["hint"] == "did you mean click?"
    batch = acme.post("/v1/events", json=[event, event])
    for position, verdict in enumerate(batch.json()["verdicts"]):
        assert len(verdict["errors"]) == 3
        assert verdict["errors"][0]["field"].startswith(f"/{position}/")


def test_so_many_faults_that_nobody_reads_them_all_are_counted(acme: httpx.Client) -> None:
    device = {"user_id": "ann", "channel": "simulator", **{f"f{n}": n for n in range(500)}}
    problem = acme.post("/v1/devices", json=device).json()
    assert len(problem["errors"]) == 100
    assert "400 further faults" in problem["hint"]


@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("GET", "/v1/campaign/autumn", "/v1/campaigns/{campaign_id}"),
        ("POST", "/v1/event", "/v1/events"),
        ("GET", "/v1/users/ann/best-time", "/v1/users/{user_id}/best-times"),
        ("GET", "/campaigns/autumn", "/v1/campaigns/{campaign_id}"),
        ("GET", "/health", "/healthz"),
    ],
)
def test_an_unknown_route_is_answered_with_the_nearest(
    stranger: httpx.Client, method: str, path: str, meant: str
) -> None:
    problem = stranger.request(method, path).json()
    assert problem["code"] == "route_unknown"
    assert problem["hint"] == f"did you mean {meant}?"


def test_who_has_no_key_is_told_how_to_pass_one(stranger: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer so_nothing"}, {"Authorization": "Basic YTpi"}):
        problem = stranger.get("/v1/users/ann", headers=headers).json()
        assert "Authorization: Bearer so_" in problem["hint"]
        assert "sendopt key issue" in problem["hint"]


def test_users_of_the_audience_whom_nobody_knows_are_named(acme: httpx.Client) -> None:
    assert acme.put("/v1/users/by-profile", json={"timezone": None}).status_code == 200
    on_another_channel = {"user_id": "by-device", "channel": "simulator"}
    assert acme.post("/v1/devices", json=on_another_channel).status_code == 200
    audience = ["by-profile", "by-device", "by-devise", "nobody"]
    definition = {**deepcopy(EXAMPLE), "campaign_id": "typos", "audience": audience}
    definition.pop("candidate_times")
    preview = acme.post("/v1/campaigns/typos/preview", json=definition).json()
    assert preview["suppressed"] == {"no_device": 2, "user_unknown": 2}
    assert preview["unknown_users"] == ["by-devise", "nobody"]
