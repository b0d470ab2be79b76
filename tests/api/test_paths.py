"""Ids that a URL would take for something else: one rule at every door, and none out of reach."""

from __future__ import annotations

import re
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sendopt.api import create_api
from sendopt.api.auth import OF_DEVICES, OF_OPERATORS, guarded_routes
from sendopt.api.paths import decoded, routed
from sendopt.app import App
from sendopt.text import MAX_ID_CHARACTERS, why_no_id

HOSTILE = [
    "a/b",
    "/",
    "//a//",
    "../../v1/models",
    "a%2Fb",
    "%",
    "%25",
    "%2e%2e",
    "?top=1",
    "a;b=c",
    "a#b",
    "a b",
    "a+b",
    "\u00e9\u4e2d\U0001f600",
    "best-times",
    "x/best-times",
    "a\\b",
    ":",
    "a" * MAX_ID_CHARACTERS,
    "/" * MAX_ID_CHARACTERS,
]
ids = st.text(min_size=1, max_size=20).filter(lambda text: why_no_id(text) is None)


def at(user_id: str) -> str:
    return f"/v1/users/{quote(user_id, safe='')}"


def stays(client: httpx.Client, user_id: str) -> bool:
    """Tell whether a user's profile is stored and found under its own id, by every route."""
    put = client.put(at(user_id), json={"timezone": "UTC"})
    got, times = client.get(at(user_id)), client.get(at(user_id) + "/best-times")
    found = [answer.json().get("user_id") for answer in (put, got, times)]
    return found == [user_id] * 3


@pytest.mark.parametrize("user_id", HOSTILE)
def test_an_id_that_events_may_have_is_found_by_every_route(
    shop: httpx.Client, user_id: str
) -> None:
    device = {"user_id": user_id, "channel": "simulator"}
    assert shop.post("/v1/devices", json=device).json()["user_id"] == user_id
    assert stays(shop, user_id)
    assert shop.get(at(user_id) + "/explanation").json()["code"] != "route_unknown"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids)
def test_any_id_is_found_by_every_route(shop: httpx.Client, user_id: str) -> None:
    assert stays(shop, user_id)


@pytest.mark.parametrize("user_id", [".", ".."])
def test_steps_in_a_path_are_ids_at_no_door(shop: httpx.Client, user_id: str) -> None:
    device = {"user_id": user_id, "channel": "simulator"}
    event = {"event_id": "steps", "user_id": user_id, "event_type": "session"}
    event["occurred_at"] = "2026-10-01T09:00:00Z"
    assert shop.post("/v1/devices", json=device).status_code == 422
    assert shop.post("/v1/events", json=[event]).status_code == 422


@given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
@example(["%2F", "/", "%25"])
def test_segments_come_through_as_they_were_meant(segments: list[str]) -> None:
    segments = [segment.encode("utf-8", "replace").decode() for segment in segments]
    raw = "/".join(quote(segment, safe="") for segment in segments)
    assert [decoded(segment) for segment in routed(raw).split("/")] == segments


@pytest.mark.parametrize("path", ["/v1/users/%FF", "/v1/users/%C3", "/v1/users//best-times"])
def test_what_is_no_id_is_unknown(shop: httpx.Client, path: str) -> None:
    assert shop.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/v1/campaigns/{}", "/v1/sends/{}", "/v1/statements/{}", "/t/{}"])
def test_a_slash_in_another_id_is_an_unknown_id_and_no_unknown_route(
    shop: httpx.Client, path: str
) -> None:
    answer = shop.get(path.format("a%2Fb"))
    assert answer.status_code in {404, 422}
    assert answer.json()["code"] != "route_unknown"


def test_an_id_that_no_store_can_keep_is_named_by_every_route(
    app: App, url: str, acme: httpx.Client
) -> None:
    token = acme.post("/v1/users/ann/device-token").json()["token"]
    keys = {OF_OPERATORS: app.operator.keys.issue("paths").key, OF_DEVICES: token}
    asked = 0
    for route in guarded_routes(create_api(app)):
        names = re.findall(r"{(\w+)}", route.path)
        if not names or names == ["period"]:
            continue
        path = re.sub(r"{\w+}", "a%00b", route.path)
        key = next((key for start, key in keys.items() if path.startswith(start)), None)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        for method in route.methods or ():
            body = {"json": {}} if method in {"POST", "PUT"} else {}
            answer = acme.request(method, path, headers=headers, **body)
            changes = method not in {"GET", "HEAD"}
            status, code = (422, "text_invalid") if changes else (404, "not_found")
            assert answer.status_code == status, (method, path, answer.text)
            told = answer.json()
            assert (told["code"], told["field"]) == (code, names[0]), (method, path)
            assert "none of them a control character" in told["expected"]
            asked += 1
    assert asked > 20
