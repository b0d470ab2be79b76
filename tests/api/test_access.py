"""Who may do what: keys, tenants, and answers that give nothing away."""

from __future__ import annotations

import re
import secrets
import socket
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from api.conftest import METRICS_KEY
from pydantic import SecretStr

from sendopt.api import create_api
from sendopt.app import App
from sendopt.app.campaigns import Campaigns
from sendopt.clock import SystemClock
from sendopt.records import TenantId
from sendopt.settings import HttpSettings, RegistrySettings, Settings

Serve = Callable[[App], AbstractContextManager[str]]

UNKNOWN_KEY = "so_" + "0" * 16 + "_" + "0" * 64


def routes(app: App) -> list[tuple[str, str]]:
    """Every route that is a tenant's, as the service itself describes it."""
    paths = create_api(app).openapi()["paths"]
    return [
        (method.upper(), re.sub(r"{\w+}", "x", path))
        for path, operations in paths.items()
        for method in operations
        if path.startswith("/v1/")
    ]


def told(response: httpx.Response) -> dict[str, Any]:
    """What an answer says beyond the number of the request."""
    return {name: value for name, value in response.json().items() if name != "request_id"}


def test_every_route_of_a_tenant_is_in_the_matrix(app: App) -> None:
    assert len(routes(app)) == 79


@pytest.fixture
def revoked_key(app: App) -> str:
    key = app.as_owner_of(TenantId("acme")).keys.issue("to be revoked").key
    app.as_owner_of(TenantId("acme")).keys.revoke(key.split("_")[1])
    return key


def test_without_a_valid_key_nothing_is_told(
    app: App, stranger: httpx.Client, acme_key: str, revoked_key: str
) -> None:
    attempts: list[tuple[dict[str, str], str]] = [
        ({}, ""),
        ({"Authorization": f"Bearer {UNKNOWN_KEY}"}, ""),
        ({"Authorization": f"Bearer {revoked_key}"}, ""),
        ({"Authorization": f"Bearer {acme_key[:-1]}"}, ""),
        ({"Authorization": f"Bearer {acme_key}0"}, ""),
        ({"Authorization": f"Bearer {acme_key.upper()}"}, ""),
        ({"Authorization": f"Basic {acme_key}"}, ""),
        ({"Authorization": acme_key}, ""),
        ({"Authorization": "Bearer"}, ""),
        ({"Authorization": "Bearer \xfc\xe9"}, ""),
        ({"Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhY21lIn0."}, ""),
        ({"X-Api-Key": acme_key}, ""),
        ({"Cookie": f"key={acme_key}"}, ""),
        ({}, f"?key={acme_key}"),
        ({}, f"?api_key={acme_key}"),
        ({"Authorization": f"Bearer {acme_key}"}, f"?key={acme_key}"),
        ({"Authorization": f"Bearer {acme_key}"}, f"?access_token={acme_key}"),
    ]
    answers = set()
    kinds = ("/v1/operator/", "/v1/me/", "/v1/")  # whose hint says what they want to be asked with
    for method, path in routes(app):
        kind = next(start for start in kinds if path.startswith(start))
        for headers, query in attempts:
            encoded = {name: value.encode("latin-1") for name, value in headers.items()}
            response = stranger.request(method, path + query, headers=encoded)
            assert response.status_code == 401, (method, path, headers)
            assert response.headers["www-authenticate"] == 'Bearer realm="sendopt"'
            answers.add((kind, str(told(response))))
    assert len(answers) == len(kinds)


@pytest.fixture
def of_acme(acme: httpx.Client) -> dict[str, str]:
    """What acme owns: a campaign with one committed send to one user."""
    device = {"device_id": "d1", "user_id": "owned", "channel": "simulator", "address": {}}
    assert acme.post("/v1/devices", json=device).status_code == 200
    campaign = {
        "campaign_id": "owned",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "T", "body": "B", "url": "https://a.example/"}],
        "send_window": {
            "earliest_at": "2026-10-02T00:00:00Z",
            "latest_at": "2026-10-03T00:00:00Z",
        },
        "audience": ["owned"],
        "quiet_hours": None,
    }
    assert acme.post("/v1/campaigns?commit=true", json=campaign).status_code in {200, 201}
    return {"campaign_id": "owned", "user_id": "owned"}


def test_what_another_tenant_owns_looks_like_what_is_not_there(
    app: App, acme: httpx.Client, other: httpx.Client, of_acme: dict[str, str]
) -> None:
    send_id = the_send(app, of_acme["campaign_id"])
    assert acme.get(f"/v1/sends/{send_id}").status_code == 200
    body = {"json": {"kind": "open"}}
    pairs: list[tuple[str, str, str, str, dict[str, Any]]] = [
        ("GET", "/v1/campaigns/{}", "owned", "unowned", {}),
        ("GET", "/v1/campaigns/{}/preview", "owned", "unowned", {}),
        ("POST", "/v1/campaigns/{}/cancel", "owned", "unowned", {}),
        ("GET", "/v1/users/{}", "owned", "unowned", {}),
        ("GET", "/v1/users/{}/best-times", "owned", "unowned", {}),
        ("GET", "/v1/users/{}/explanation", "owned", "unowned", {}),
        ("GET", "/v1/sends/{}", send_id, "s_unknown", {}),
        ("POST", "/v1/sends/{}/cancel", send_id, "s_unknown", {}),
        ("POST", "/v1/sends/{}/responses", send_id, "s_unknown", body),
    ]
    for method, path, theirs, nobodys, options in pairs:
        foreign = other.request(method, path.format(theirs), **options)
        unknown = other.request(method, path.format(nobodys), **options)
        assert foreign.status_code == unknown.status_code == 404, path
        assert told(foreign) == told(unknown)
    assert acme.get("/v1/campaigns/owned").json()["cancelled_at"] is None
    assert acme.get(f"/v1/sends/{send_id}").json()["state"] == "planned"


def the_send(app: App, campaign_id: str) -> str:
    import sqlalchemy as sa

    from sendopt.state.tables import planned_send

    with app.state.read_fleet() as tx:
        found = sa.select(planned_send.c.send_id).where(planned_send.c.campaign_id == campaign_id)
        return str(tx.execute(found).scalar_one())


def test_the_same_names_mean_other_things_to_another_tenant(
    acme: httpx.Client, other: httpx.Client, of_acme: dict[str, str]
) -> None:
    device = {"device_id": "d1", "user_id": "else", "channel": "simulator", "address": {}}
    assert other.post("/v1/devices", json=device).json()["user_id"] == "else"
    campaign = {**acme.get("/v1/campaigns/owned").json()["definition"], "campaign_id": "shared"}
    for client, audience in ((acme, ["owned"]), (other, ["else"])):
        response = client.post("/v1/campaigns", json={**campaign, "audience": audience})
        assert response.status_code == 201
    assert acme.get("/v1/campaigns/shared").json()["definition"]["audience"] == ["owned"]
    assert other.get("/v1/campaigns/shared").json()["definition"]["audience"] == ["else"]


def test_a_crash_tells_the_client_only_a_number(
    acme: httpx.Client, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def crash(*_args: object, **_options: object) -> None:
        raise RuntimeError("secret-4711 in SELECT * FROM tenant")

    monkeypatch.setattr(Campaigns, "get", crash)
    response = acme.get("/v1/campaigns/owned")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (500, "internal")
    assert "secret" not in response.text
    logged = "".join(capfd.readouterr())
    assert problem["request_id"] in logged
    assert "secret-4711" not in logged


def test_log_lines_hold_neither_keys_nor_people(
    acme: httpx.Client, acme_key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    acme.get("/v1/users/anna-4711/best-times?top=3")
    acme.get("/t/k1.secretlink.mac")
    acme.post("/v1/events", json=[{"user_id": "anna-4711"}])
    logged = "".join(capfd.readouterr())
    assert "route=/v1/users/{user_id}/best-times" in re.sub("\x1b\\[[0-9]*m", "", logged)
    for secret in ("anna-4711", "secretlink", acme_key):
        assert secret not in logged


def test_metrics_tell_the_operator_of_every_tenant(
    acme: httpx.Client, operator: httpx.Client
) -> None:
    acme.post("/v1/events", json=[{"event_id": "metrics-4711"}])
    exposition = operator.get("/metrics").text
    assert 'sendopt_events_total{tenant_id="acme",verdict="rejected"}' in exposition
    assert "metrics-4711" not in exposition
    for gauge in (
        'sendopt_sends{state="planned",tenant_id="acme"} ',
        'sendopt_outbox_waiting{tenant_id="other"} ',
        "sendopt_oldest_due_seconds 0.0",
    ):
        assert gauge in exposition


def test_metrics_open_with_the_operators_key_alone_from_this_machine_too(
    url: str, acme_key: str, home: Path, serve: Serve
) -> None:
    def statuses(url: str, *keys: str | None) -> set[int]:
        headers = [{"Authorization": f"Bearer {key}"} if key is not None else {} for key in keys]
        return {
            httpx.get(f"{url}/metrics", headers=each, timeout=60).status_code for each in headers
        }

    assert statuses(url, None, "x", acme_key, METRICS_KEY[:-1], METRICS_KEY + "x") == {401}
    assert statuses(url, METRICS_KEY) == {200}
    refused = httpx.get(f"{url}/metrics", headers={"Authorization": f"Bearer {acme_key}"})
    assert "SENDOPT_HTTP__METRICS_KEY" in refused.json()["hint"]
    without = App(Settings(home=home), SystemClock(), secrets.token_bytes)
    with closing(without), serve(without) as closed:
        assert statuses(closed, None, "x", acme_key, METRICS_KEY) == {401}


def test_the_service_says_how_it_is(stranger: httpx.Client) -> None:
    assert stranger.get("/healthz").json() == {"status": "ok"}
    answer = stranger.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert answer.json()["parts"] == dict.fromkeys(("state", "sends", "log", "registry", "disk"))


def test_the_page_for_operators_names_every_metric(operator: httpx.Client) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    exposed = re.findall(r"^# TYPE (sendopt_\w+)", operator.get("/metrics").text, re.MULTILINE)
    named = [name for name in exposed if not name.endswith("_created")]
    assert named
    assert [name for name in named if f"`{name}`" not in page] == []


def test_requests_are_metered_by_the_template_of_their_route(home: Path, serve: Serve) -> None:
    http = HttpSettings(metrics_key=SecretStr(METRICS_KEY))
    app = App(Settings(home=home, http=http), SystemClock(), secrets.token_bytes)
    with closing(app), serve(app) as url:
        for path in ("openapi.json", "nowhere", "v1/users/ann/best-times"):
            httpx.get(f"{url}/{path}", timeout=60)
        operator = {"Authorization": f"Bearer {METRICS_KEY}"}
        metrics = httpx.get(f"{url}/metrics", headers=operator, timeout=60).text
    requests = [line for line in metrics.splitlines() if line.startswith("sendopt_http_requests")]
    assert {
        (labels["route"], labels["status"])
        for line in requests
        for labels in [dict(re.findall(r'(\w+)="([^"]*)"', line))]
    } == {
        ("/openapi.json", "200"),
        ("unmatched", "404"),
        ("/v1/users/{user_id}/best-times", "401"),
    }


def test_a_store_that_is_broken_makes_the_service_unready_but_alive(
    home: Path, serve: Serve
) -> None:
    http = HttpSettings(metrics_key=SecretStr(METRICS_KEY))
    app = App(Settings(home=home, http=http), SystemClock(), secrets.token_bytes)
    with closing(app), serve(app) as url:
        assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
        with closing(sqlite3.connect(home / "state.sqlite")) as state:
            state.execute("drop table alembic_version")
            state.execute("alter table planned_send rename to lost")
            state.commit()
        answer = httpx.get(f"{url}/readyz", timeout=60)
        assert (answer.status_code, answer.json()["ready"]) == (503, False)
        parts = answer.json()["parts"]
        assert parts.pop("state") is not None
        assert parts.pop("sends") is not None
        assert parts == {"log": None, "registry": None, "disk": None}
        assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
        operator = {"Authorization": f"Bearer {METRICS_KEY}"}
        metrics = httpx.get(f"{url}/metrics", headers=operator, timeout=60)
    assert metrics.status_code == 200
    assert "sendopt_http_requests_total" in metrics.text
    assert "sendopt_sends" not in metrics.text


def test_without_its_registry_the_service_starts_and_says_why_no_model_speaks(
    home: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    nowhere = RegistrySettings(tracking_uri="http://127.0.0.1:9")
    alone = App(Settings(home=home, registry=nowhere), SystemClock(), secrets.token_bytes)
    with closing(alone), serve(alone) as url:
        key = alone.as_owner_of(TenantId("default")).keys.issue("tests").key
        headers = {"Authorization": f"Bearer {key}"}
        device = {"user_id": "ann", "channel": "simulator"}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            assert client.post("/v1/devices", json=device).status_code == 200
            answer = client.get("/v1/users/ann/best-times").json()
            ready = client.get("/readyz")
    assert (answer["slots"], answer["fallback_reason"]) == ([], "registry_unavailable")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert ready.json()["parts"]["registry"] == "registry_unavailable"


def test_a_damaged_registry_is_told_and_stops_nothing(home: Path, serve: Serve) -> None:
    (home / "registry" / "mlflow.sqlite").write_bytes(b"no database" * 10_000)
    app = App(Settings(home=home), SystemClock(), secrets.token_bytes)
    with closing(app), serve(app) as url:
        key = app.as_owner_of(TenantId("default")).keys.issue("tests").key
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            ready = client.get("/readyz")
            client.post("/v1/devices", json={"user_id": "ann", "channel": "simulator"})
            answer = client.get("/v1/users/ann/best-times").json()
    assert ready.status_code == 200
    assert ready.json()["parts"]["registry"] == "registry_unavailable"
    assert (answer["slots"], answer["fallback_reason"]) == ([], "registry_unavailable")


def test_a_registry_that_is_silent_does_not_hold_up_the_probe(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3600")  # MLflow itself would wait
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(home=home, registry=RegistrySettings(tracking_uri=uri))
        with closing(App(settings, SystemClock(), secrets.token_bytes)) as app:
            app.open_stores()
            assert app.ready() == {
                "state": None,
                "sends": None,
                "log": None,
                "registry": "registry_unavailable",
                "disk": None,
            }


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/redoc", 404, "route_unknown"),
        ("GET", "/v1", 404, "route_unknown"),
        ("GET", "/v1/events/", 404, "route_unknown"),
        ("GET", "/docs/", 404, "route_unknown"),
        ("GET", "/v1/events", 405, "method_not_allowed"),
        ("DELETE", "/v1/campaigns/x", 405, "method_not_allowed"),
        ("PUT", "/healthz", 405, "method_not_allowed"),
        ("PROPFIND", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_routes_that_are_not_there_are_problems_too(
    acme: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    response = acme.request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/events", "POST"),
        ("PATCH", "/v1/users/ann", "DELETE, GET, PUT"),
        ("DELETE", "/v1/campaigns", "GET, POST"),
        ("PUT", "/healthz", "GET"),
        ("DELETE", "/t/token", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    acme: httpx.Client, method: str, path: str, allowed: str
) -> None:
    assert acme.request(method, path).headers["allow"] == allowed


def test_every_answer_forbids_caching_and_guessing(stranger: httpx.Client) -> None:
    for path in ("/healthz", "/nowhere", "/v1/events"):
        headers = stranger.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-request-id"].startswith("req_")
        assert "server" not in headers


def test_many_clients_at_once_are_all_served(acme: httpx.Client) -> None:
    def post(number: int) -> httpx.Response:
        event = {
            "event_id": f"crowd-{number % 20}",  # half of them repeat what another client sends
            "user_id": "u1",
            "event_type": "session",
            "occurred_at": "2026-10-01T09:00:00Z",
        }
        return acme.post("/v1/events", json=[event])

    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(post, range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["accepted"] for answer in answers) == 20
    assert sum(answer.json()["repeated"] for answer in answers) == 20
