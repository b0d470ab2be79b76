"""Whoever speaks, by whatever a request carries, may use the routes of its kind alone.

Beside the roles of tenants (test_permissions): a role of a tenant's own, people and services of an
issuer, operators, and browsers. Each asks for every route: of its own things, of another's and of
nobody's.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from api.serving import serving
from api.test_permissions import OF_DEVICES, OF_OPERATORS, written_out
from issuer import AUDIENCE, Issuer, SigningKey

from sendopt.api import create_api
from sendopt.api.auth import OperatorNeeds, guarded_routes, is_guarded
from sendopt.app import App, open_app
from sendopt.records import (
    OPERATOR_PERMISSIONS_OF,
    BuiltInRole,
    OperatorPermission,
    OperatorRole,
    Permission,
    TenantId,
    UserId,
)
from sendopt.settings import Settings

ACME, OTHER = TenantId("acme"), TenantId("other")
#: What the issuer says of each of its clients.
CLIENTS: dict[str, dict[str, Any]] = {
    "analyst": {"groups": ["push-analysts"]},
    "both": {"groups": ["push-analysts", "push-money"]},
    "desk": {"groups": ["push-desk"]},
    "observer": {"groups": ["sre"]},
    "unknown-role": {"groups": ["push-nobody"]},
    "unknown-tenant": {"groups": ["push-nowhere"]},
    "nothing": {"groups": ["staff"]},
    "everything": {"groups": ["push-analysts", "sre"]},
}
GRANTS = {
    "push-analysts": {"tenant": "acme", "roles": ["analyst"]},
    "push-money": {"tenant": "acme", "roles": ["finance"]},
    "push-desk": {"tenant": "acme", "roles": ["desk"]},
    "push-nobody": {"tenant": "acme", "roles": ["nobody"]},
    "push-nowhere": {"tenant": "nowhere", "roles": ["owner"]},
    "sre": {"roles": ["observer"]},
}
DESK = frozenset({Permission.SENDS_READ, Permission.SENDS_CANCEL})
OF_DESK = """
GET  /v1/sends
GET  /v1/sends/{send_id}
POST /v1/sends/{send_id}/cancel
GET  /v1/campaigns/{campaign_id}/users/{user_id}
GET  /v1/exports/sends
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer(CLIENTS)
    issuer.start(SigningKey("one"))
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def service(
    issuer: Issuer, empty_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("speakers") / "home")
    oidc = {"issuer": issuer.url, "audience": AUDIENCE, "roles_claim": "groups", "grants": GRANTS}
    settings = Settings.model_validate({"home": home, "oidc": oidc})
    with closing(open_app(settings)) as app:
        for tenant_id in (ACME, OTHER):
            app.operator.create_tenant(tenant_id, timezone="UTC")
        app.as_owner_of(ACME).roles.put("desk", DESK)
        yield app


@pytest.fixture(scope="module")
def address(service: App) -> Iterator[str]:
    with serving(service) as url:
        yield url


@pytest.fixture(scope="module")
def ask(address: str) -> Iterator[Callable[..., httpx.Response]]:
    """Ask with a bearer token."""
    with httpx.Client(base_url=address, timeout=60) as client:

        def ask(bearer: str, method: str, path: str, **more: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {bearer}"}
            return client.request(method, path, headers=headers, **more)

        yield ask


def bearer_of(speaker: str, app: App, issuer: Issuer) -> str:
    kind, _, name = speaker.partition(":")
    if kind == "role":
        return app.as_owner_of(ACME).keys.issue("tests", role=name).key
    if kind == "operator":
        return app.operator.keys.issue("tests", role=name).key
    if kind == "device":
        tokens = app.as_owner_of(ACME).device_tokens
        return tokens.issue(UserId(name), lifetime=timedelta(hours=1)).token
    return issuer.token(name)


def opened_to(speaker: str) -> set[tuple[str, str]]:
    """The routes that a speaker may use, written out."""
    analyst = {route for route, roles in written_out().items() if "analyst" in roles}
    desk = {*written_out(OF_DESK)}
    finance = {route for route, roles in written_out().items() if "finance" in roles}
    observer = {r for r, roles in written_out(OF_OPERATORS).items() if "observer" in roles}
    return {
        "role:desk": desk,
        "oidc:desk": desk,
        "oidc:analyst": analyst,
        "oidc:both": analyst | finance,
        "oidc:observer": observer,
        "operator:observer": observer,
        "operator:operator": {*written_out(OF_OPERATORS)},
        "device:ann": {*written_out(OF_DEVICES)},
        **{
            f"role:{name}": {route for route, roles in written_out().items() if name in roles}
            for name in BuiltInRole
        },
    }[speaker]


EVERYTHING = {**written_out(), **written_out(OF_OPERATORS), **written_out(OF_DEVICES)}
SPEAKERS = [
    *(f"role:{name}" for name in BuiltInRole),
    "role:desk",
    "oidc:analyst",
    "oidc:both",
    "oidc:desk",
    "oidc:observer",
    "operator:operator",
    "operator:observer",
    "device:ann",
]


def test_every_route_is_guarded_and_written_out(service: App) -> None:
    routes = guarded_routes(create_api(service))
    assert all(is_guarded(route) for route in routes)
    assert {(method, route.path) for route in routes for method in route.methods} == {*EVERYTHING}


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_who_speaks_may_use_what_is_written_out_and_nothing_else(
    service: App, issuer: Issuer, ask: Callable[..., httpx.Response], speaker: str
) -> None:
    bearer = bearer_of(speaker, service, issuer)
    opened = opened_to(speaker)
    assert opened
    for method, path in EVERYTHING:
        if path in {"/v1/operator/hold", "/v1/operator/resume"} and (method, path) in opened:
            continue  # they would hold what other tests send
        for whose in ("of-nobody", "of-acme", "of-other"):
            answer = ask(bearer, method, re.sub(r"{\w+}", whose, path))
            assert answer.status_code != 401, (method, path)
            is_refused = answer.status_code == 403
            assert is_refused == ((method, path) not in opened), (method, path, answer.text)
            if is_refused:
                assert answer.json()["code"] == "permission_missing"


def test_every_flipped_cell_of_operators_is_found(
    service: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A permission given to a role, or taken from it; a route that asks for another one."""
    routes = [
        (route, need)
        for route in guarded_routes(create_api(service))
        for each in route.dependant.dependencies
        if isinstance(need := each.call, OperatorNeeds)
    ]

    def declared() -> dict[tuple[str, str], frozenset[str]]:
        return {
            (method, route.path): frozenset(
                role for role, held in OPERATOR_PERMISSIONS_OF.items() if need.permission in held
            )
            for route, need in routes
            for method in route.methods
        }

    expected = written_out(OF_OPERATORS)
    assert declared() == expected
    for role in OperatorRole:
        for permission in {need.permission for _, need in routes}:
            with monkeypatch.context() as flipped:
                held = OPERATOR_PERMISSIONS_OF[role] ^ {permission}
                flipped.setitem(OPERATOR_PERMISSIONS_OF, role, held)
                assert declared() != expected, (role, permission)
    for _, need in routes:
        reads = need.permission.endswith(":read")
        other = OperatorPermission.FLEET_HOLD if reads else OperatorPermission.FLEET_READ
        with monkeypatch.context() as flipped:
            flipped.setattr(need, "permission", other)
            assert declared() != expected


@pytest.mark.parametrize("name", ["unknown-role", "unknown-tenant", "nothing", "everything"])
def test_a_person_whose_claims_give_nothing_is_as_one_without_a_key(
    issuer: Issuer, ask: Callable[..., httpx.Response], name: str
) -> None:
    refused = ask(issuer.token(name), "GET", "/v1/campaigns")
    assert refused.status_code == 401
    nonsense = ask("nonsense", "GET", "/v1/campaigns").json()
    apart = {"request_id"}
    assert {n: v for n, v in refused.json().items() if n not in apart} == {
        n: v for n, v in nonsense.items() if n not in apart
    }


def test_a_person_sees_no_other_tenant(
    service: App, issuer: Issuer, ask: Callable[..., httpx.Response]
) -> None:
    person = issuer.token("desk")
    body = {"device_id": "d", "user_id": "u", "channel": "simulator", "address": {}}
    for tenant_id in (ACME, OTHER):
        service.as_owner_of(tenant_id).devices.register({**body, "user_id": f"met-{tenant_id}"})
    found = ask(issuer.token("analyst"), "GET", "/v1/users").json()["items"]
    assert [each["user_id"] for each in found if each["user_id"] == "met-other"] == []
    assert "met-acme" in [each["user_id"] for each in found]
    assert ask(issuer.token("analyst"), "GET", "/v1/users/met-other").status_code == 404
    assert ask(person, "GET", "/v1/users/met-acme").status_code == 403


def test_a_role_that_is_taken_away_is_noticed_at_the_next_request(
    service: App, issuer: Issuer, ask: Callable[..., httpx.Response]
) -> None:
    person = issuer.token("desk")
    assert ask(person, "GET", "/v1/sends").status_code == 200
    service.as_owner_of(ACME).roles.put("desk", [Permission.USERS_READ])
    try:
        assert ask(person, "GET", "/v1/sends").status_code == 403
    finally:
        service.as_owner_of(ACME).roles.put("desk", DESK)
