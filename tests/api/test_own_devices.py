"""A browser speaks for its user by a token, and touches nothing of anybody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from api.serving import serving
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.records import DeviceId, TenantId, UserId
from sendopt.settings import Settings
from sendopt.state import devices
from sendopt.state.send_list import SendFilter
from sendopt.state.tables import app_user

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
ANN, BOB = UserId("ann"), UserId("bob")

Speak = Callable[[UserId], httpx.Client]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture
def service(home: Path, clock: VirtualClock) -> Iterator[App]:
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        yield app


@pytest.fixture
def address(service: App) -> Iterator[str]:
    with serving(service) as url:
        yield url


@pytest.fixture
def server(service: App, address: str) -> Iterator[httpx.Client]:
    """The tenant's own server."""
    key = service.as_owner_of(DEFAULT_TENANT).keys.issue("server", role="ingest").key
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def as_user(server: httpx.Client, address: str) -> Iterator[Speak]:
    """A browser of a user, with the token that the tenant's server gave it."""
    opened: list[httpx.Client] = []

    def speak(user_id: UserId) -> httpx.Client:
        token = server.post(f"/v1/users/{user_id}/device-token", json={}).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        opened.append(httpx.Client(base_url=address, headers=headers, timeout=60))
        return opened[-1]

    yield speak
    for client in opened:
        client.close()


def subscription(name: str) -> dict[str, Any]:
    """A push subscription of a browser."""
    point = (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )

    def text(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).decode().rstrip("=")

    return {
        "endpoint": f"https://updates.push.services.mozilla.com/wpush/v2/{name}",
        "keys": {"p256dh": text(point), "auth": text(b"0" * 16)},
    }


def stored(app: App, device_id: str) -> UserId | None:
    with app.state.read(DEFAULT_TENANT) as tx:
        found = devices.get(tx, DeviceId(device_id))
        return found.user_id


def test_a_browser_registers_comes_again_and_logs_out(as_user: Speak, service: App) -> None:
    ann = as_user(ANN)
    given = {"device_id": "mine", "address": subscription("a"), "timezone": "Europe/Vienna"}
    made = ann.post("/v1/me/devices", json=given)
    assert made.status_code == 200, made.text
    assert (made.json()["user_id"], made.json()["channel"]) == ("ann", "web_push")
    again = ann.post("/v1/me/devices", json={**given, "address": subscription("b")})
    assert again.json()["device_id"] == "mine"
    assert stored(service, "mine") == ANN
    assert ann.delete("/v1/me/devices/mine").status_code == 204
    assert ann.delete("/v1/me/devices/mine").json()["code"] == "device_unknown"


def test_the_body_cannot_say_whose_it_is_or_where_else_it_leads(as_user: Speak) -> None:
    ann = as_user(ANN)
    for more in ({"user_id": "bob"}, {"user_id": "ann"}, {"channel": "webhook"}):
        answer = ann.post("/v1/me/devices", json={"address": subscription("a"), **more})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_field")
    webhook = {"address": {"url": "https://example.org/hook", "secret": "whsec_" + "A" * 32}}
    assert ann.post("/v1/me/devices", json=webhook).status_code == 422


def test_the_device_of_another_user_is_unknown_by_its_id(as_user: Speak, service: App) -> None:
    ann, bob = as_user(ANN), as_user(BOB)
    bobs = {"device_id": "bobs", "address": subscription("bob")}
    assert bob.post("/v1/me/devices", json=bobs).status_code == 200
    stolen = ann.post("/v1/me/devices", json={"device_id": "bobs", "address": subscription("ann")})
    assert (stolen.status_code, stolen.json()["code"]) == (404, "device_unknown")
    removed = ann.delete("/v1/me/devices/bobs")
    unknown = ann.delete("/v1/me/devices/nobodys")
    apart = {"request_id"}
    assert removed.status_code == unknown.status_code == 404
    assert {n: v for n, v in removed.json().items() if n not in apart} == {
        n: v for n, v in unknown.json().items() if n not in apart
    }
    assert stored(service, "bobs") == BOB


def test_her_own_address_under_his_id_takes_nothing_of_his(as_user: Speak, service: App) -> None:
    """She has a device already; its registration under his id would forget his."""
    ann, bob = as_user(ANN), as_user(BOB)
    anns = {"device_id": "anns", "address": subscription("ann")}
    ann.post("/v1/me/devices", json=anns)
    bob.post("/v1/me/devices", json={"device_id": "bobs", "address": subscription("bob")})
    answer = ann.post("/v1/me/devices", json={**anns, "device_id": "bobs"})
    assert answer.json()["code"] == "device_unknown"
    assert (stored(service, "anns"), stored(service, "bobs")) == (ANN, BOB)


def test_a_shared_browser_becomes_the_one_of_who_uses_it_next(as_user: Speak, service: App) -> None:
    ann, bob = as_user(ANN), as_user(BOB)
    shared = {"device_id": "shared", "address": subscription("shared")}
    bob.post("/v1/me/devices", json=shared)
    assert ann.post("/v1/me/devices", json=shared).json()["user_id"] == "ann"
    assert stored(service, "shared") == ANN
    assert bob.delete("/v1/me/devices/shared").status_code == 404


def campaign(service: App) -> dict[str, str]:
    """Commit a campaign to both, and return its sends by user."""
    work = service.as_owner_of(DEFAULT_TENANT)
    for user in (ANN, BOB):
        work.devices.register(
            {"device_id": f"d-{user}", "user_id": user, "channel": "simulator", "address": {}}
        )
    definition = {
        "campaign_id": "hello",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "T", "body": "B"}],
        "send_window": {
            "earliest_at": NOW.isoformat(),
            "latest_at": (NOW + timedelta(hours=3)).isoformat(),
        },
        "quiet_hours": None,
        "audience": "everyone",
    }
    work.campaigns.put(definition, commit=True)
    page = work.sends.page(SendFilter(), limit=10)
    return {each.send.user_id: each.send.send_id for each in page.items}


def test_a_browser_tells_of_sends_to_its_own_user_alone(as_user: Speak, service: App) -> None:
    sends = campaign(service)
    ann = as_user(ANN)
    own = ann.post(f"/v1/me/sends/{sends['ann']}/responses", json={"kind": "open"})
    assert (own.status_code, own.json()["code"]) == (409, "not_handed_over")  # it is the truth
    for send_id in (sends["bob"], "nothing"):
        answer = ann.post(f"/v1/me/sends/{send_id}/responses", json={"kind": "open"})
        assert (answer.status_code, answer.json()["code"]) == (404, "send_unknown")
    for kind in ("response", "click", "nonsense"):
        charged = ann.post(f"/v1/me/sends/{sends['ann']}/responses", json={"kind": kind})
        assert (charged.status_code, charged.json()["code"]) == (422, "kind_unknown")


def test_a_key_for_repeating_is_refused_where_none_is_heard(as_user: Speak) -> None:
    headers = {"Idempotency-Key": "once"}
    refused = as_user(ANN).post("/v1/me/devices", json={}, headers=headers)
    assert "idempotency_key_unheard" in {each["code"] for each in refused.json()["errors"]}


def said_by_ann(service: App) -> list[tuple[bool, datetime, str | None]]:
    found = service.as_owner_of(DEFAULT_TENANT).users.consent(ANN)
    return [(each.given, each.at, each.source) for each in found.statements]


def test_what_a_browser_says_is_kept_as_said_by_a_browser(as_user: Speak, service: App) -> None:
    sends = campaign(service)
    ann = as_user(ANN)
    told = {"address": subscription("a"), "consent": {"given": True}}
    assert ann.post("/v1/me/devices", json=told).status_code == 200
    assert said_by_ann(service) == [(True, NOW, "device")]
    opt_out = ann.post(f"/v1/me/sends/{sends['ann']}/responses", json={"kind": "opt_out"})
    assert opt_out.status_code == 200, opt_out.text
    assert said_by_ann(service) == [(False, NOW, "device"), (True, NOW, "device")]


def test_a_browser_invents_no_place_and_no_time_of_a_statement(
    as_user: Speak, service: App
) -> None:
    ann = as_user(ANN)
    invented = {"source": "signed by hand", "at": (NOW - timedelta(days=9)).isoformat()}
    told = {"address": subscription("a"), "consent": {"given": True, **invented}}
    refused = ann.post("/v1/me/devices", json=told)
    assert refused.status_code == 422
    assert {(each["field"], each["code"]) for each in refused.json()["errors"]} == {
        ("/consent/source", "unknown_field"),
        ("/consent/at", "unknown_field"),
    }
    told["consent"] = {"given": False, **invented}
    heard = ann.post("/v1/me/devices", json=told)
    assert {each["field"] for each in heard.json()["dropped_fields"]} == {
        "/consent/source",
        "/consent/at",
    }
    assert said_by_ann(service) == [(False, NOW, "device")]


def test_a_token_ends_by_itself(as_user: Speak, clock: VirtualClock, server: httpx.Client) -> None:
    ann = as_user(ANN)
    clock.advance(timedelta(minutes=59))
    assert ann.delete("/v1/me/devices/none").status_code == 404
    clock.advance(timedelta(minutes=1))
    assert ann.delete("/v1/me/devices/none").status_code == 401
    for seconds in (59, 86_401, "60", None):
        body = {"expires_in_seconds": seconds}
        assert server.post("/v1/users/ann/device-token", json=body).status_code == 422


def test_a_token_ends_with_its_user(as_user: Speak, service: App) -> None:
    ann, bob = as_user(ANN), as_user(BOB)
    with service.state.write(DEFAULT_TENANT) as tx:
        tx.execute(sa.delete(app_user).where(app_user.c.user_id == ANN))
    assert ann.delete("/v1/me/devices/none").status_code == 401
    assert bob.delete("/v1/me/devices/none").status_code == 404


def test_a_token_ends_with_the_key_that_signed_it(as_user: Speak, service: App, home: Path) -> None:
    token = as_user(ANN).headers["authorization"].removeprefix("Bearer ")
    file = home / "secrets.json"
    kept = json.loads(file.read_text())
    kept["link_keys"]["k1"] = "A" * 43 + "="
    del kept["sha256"]
    file.write_text(json.dumps(kept))
    headers = {"Authorization": f"Bearer {token}"}
    with (
        closing(open_app(service.settings, clock=service.clock)) as restarted,
        serving(restarted) as url,
    ):
        answer = httpx.delete(f"{url}/v1/me/devices/none", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authorized")


def test_a_token_of_one_tenant_sees_nothing_of_another(
    service: App, as_user: Speak, address: str
) -> None:
    service.operator.create_tenant(TenantId("other"), timezone="UTC")
    tokens = service.as_owner_of(TenantId("other")).device_tokens
    theirs = tokens.issue(ANN, lifetime=timedelta(hours=1)).token
    as_user(ANN).post("/v1/me/devices", json={"device_id": "d", "address": subscription("a")})
    headers = {"Authorization": f"Bearer {theirs}"}
    answer = httpx.delete(f"{address}/v1/me/devices/d", headers=headers)
    assert answer.json()["code"] == "device_unknown"
    assert stored(service, "d") == ANN


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/v1/me/devices", "so_dev_"),
        ("/v1/operator/resume", "so_op_"),
        ("/v1/campaigns", "so_..."),
    ],
)
def test_whoever_is_unknown_hears_what_the_route_wants(
    address: str, path: str, wanted: str
) -> None:
    for headers in ({}, {"Authorization": "Bearer so_dev_none"}):
        answer = httpx.post(f"{address}{path}", json={}, headers=headers)
        assert answer.status_code == 401
        assert wanted in answer.json()["hint"]


def test_the_example_in_the_page_is_taken(as_user: Speak) -> None:
    page = (Path(__file__).parents[2] / "docs" / "access.md").read_text()
    body = json.loads(page.partition("```json")[2].partition("```")[0])
    answer = as_user(ANN).post("/v1/me/devices", json=body)
    assert (answer.status_code, answer.json()["user_id"]) == (200, "ann")
