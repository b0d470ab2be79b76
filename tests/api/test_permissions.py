"""Which role may use which route: the matrix, written out, and the service held against it."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI
from waiting import wait_until

from sendopt.api import create_api
from sendopt.api.auth import Needs, permissions_of, routes_of_tenants
from sendopt.api.service import require_permissions
from sendopt.app import App
from sendopt.errors import InvariantBroken
from sendopt.records import PERMISSIONS_OF, BuiltInRole, Permission, TenantId

ACME = TenantId("acme")

#: Every route of tenants, and the roles that may use it.
MATRIX = """
POST /v1/events                         owner admin ingest
POST /v1/sends/{send_id}/responses      owner admin ingest
GET  /v1/users/{user_id}                owner admin campaign_manager analyst auditor
PUT  /v1/users/{user_id}                owner admin ingest
DELETE /v1/users/{user_id}              owner admin
GET  /v1/users/{user_id}/export         owner admin
GET  /v1/erasures/{erasure_id}          owner admin
GET  /v1/users/{user_id}/consent        owner admin campaign_manager analyst auditor
PUT  /v1/users/{user_id}/consent        owner admin ingest
GET  /v1/users/{user_id}/preferences    owner admin campaign_manager analyst auditor
PUT  /v1/users/{user_id}/preferences    owner admin ingest
GET  /v1/users/{user_id}/best-times     owner admin campaign_manager analyst auditor
GET  /v1/users/{user_id}/explanation    owner admin campaign_manager analyst auditor
GET  /v1/users                          owner admin campaign_manager analyst auditor
POST /v1/users/import                   owner admin ingest
POST /v1/devices/import                 owner admin ingest
POST /v1/devices                        owner admin ingest
GET  /v1/devices                        owner admin campaign_manager analyst auditor
DELETE /v1/devices/{device_id}          owner admin ingest
GET  /v1/campaigns                      owner admin campaign_manager analyst auditor finance
GET  /v1/campaigns/{campaign_id}/results   owner admin campaign_manager analyst auditor finance
GET  /v1/sends                          owner admin campaign_manager analyst auditor finance
GET  /v1/web-push-key                   owner admin ingest
POST /v1/campaigns                      owner admin campaign_manager
GET  /v1/campaigns/{campaign_id}        owner admin campaign_manager analyst auditor finance
GET  /v1/campaigns/{campaign_id}/preview   owner admin campaign_manager analyst auditor finance
POST /v1/campaigns/{campaign_id}/preview   owner admin campaign_manager analyst auditor finance
GET /v1/campaigns/{campaign_id}/users/{user_id} owner admin campaign_manager analyst auditor finance
POST /v1/campaigns/{campaign_id}/commit    owner admin campaign_manager
POST /v1/campaigns/{campaign_id}/pause     owner admin campaign_manager
POST /v1/campaigns/{campaign_id}/resume    owner admin campaign_manager
POST /v1/campaigns/{campaign_id}/revise    owner admin campaign_manager
POST /v1/campaigns/{campaign_id}/cancel    owner admin campaign_manager
GET  /v1/series                         owner admin campaign_manager analyst auditor finance
POST /v1/series                         owner admin campaign_manager
POST /v1/series/preview                 owner admin campaign_manager analyst auditor finance
GET  /v1/series/{series_id}             owner admin campaign_manager analyst auditor finance
GET  /v1/series/{series_id}/dates       owner admin campaign_manager analyst auditor finance
POST /v1/series/{series_id}/pause       owner admin campaign_manager
POST /v1/series/{series_id}/resume      owner admin campaign_manager
POST /v1/series/{series_id}/revise      owner admin campaign_manager
POST /v1/series/{series_id}/cancel      owner admin campaign_manager
GET  /v1/limits                         owner admin campaign_manager analyst auditor finance
PUT  /v1/limits                         owner admin
POST /v1/plans                          owner admin campaign_manager
POST /v1/plans/preview                  owner admin campaign_manager analyst auditor finance
GET  /v1/sends/{send_id}                owner admin campaign_manager analyst auditor finance
POST /v1/sends                          owner admin campaign_manager
POST /v1/sends/batch                    owner admin campaign_manager
POST /v1/sends/{send_id}/cancel         owner admin campaign_manager
GET  /v1/lift                           owner admin campaign_manager analyst auditor finance
GET  /v1/models                         owner admin campaign_manager analyst auditor
POST /v1/models/rollback                owner admin
GET  /v1/statements                     owner admin auditor finance
GET  /v1/statements/{period}            owner admin auditor finance
GET  /v1/exports/sends                  owner admin campaign_manager analyst auditor finance
GET  /v1/exports/users                  owner admin campaign_manager analyst auditor
GET  /v1/exports/devices                owner admin campaign_manager analyst auditor
GET /v1/exports/campaigns/{campaign_id}/results owner admin campaign_manager analyst auditor finance
GET  /v1/exports/statements/{period}    owner admin auditor finance
GET  /v1/keys                           owner admin auditor
POST /v1/keys                           owner admin
POST /v1/keys/{key_id}/rotate           owner admin
DELETE /v1/keys/{key_id}                owner admin
GET  /v1/roles                          owner admin auditor
GET  /v1/audit                          owner admin auditor
POST /v1/users/{user_id}/device-token   owner admin ingest
"""

#: Every route of operators, and their roles that may use it.
OF_OPERATORS = """
GET  /v1/operator/tenants               operator observer
POST /v1/operator/tenants               operator
GET  /v1/operator/backlog               operator observer
POST /v1/operator/hold                  operator
POST /v1/operator/resume                operator
GET  /v1/operator/keys                  operator observer
POST /v1/operator/keys                  operator
DELETE /v1/operator/keys/{key_id}       operator
GET  /v1/operator/audit                 operator observer
"""
#: Every route of browsers that have the token of their user.
OF_DEVICES = """
POST /v1/me/devices                     device
DELETE /v1/me/devices/{device_id}       device
POST /v1/me/sends/{send_id}/responses   device
"""

Grid = dict[tuple[str, str], frozenset[str]]


def written_out(matrix: str = MATRIX) -> Grid:
    lines = [line.split() for line in matrix.strip().splitlines()]
    return {(method, path): frozenset(roles) for method, path, *roles in lines}


def declared(api: FastAPI) -> Grid:
    """What the routes and the roles say: a role may use a route whose permissions it has."""
    return {
        (method, route.path): frozenset(
            role for role, held in PERMISSIONS_OF.items() if {*permissions_of(route)} <= held
        )
        for route in routes_of_tenants(api)
        for method in route.methods
    }


def test_routes_and_roles_say_what_is_written_out(app: App) -> None:
    assert declared(create_api(app)) == written_out()


def test_every_flipped_cell_is_found(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission given to a role, or taken from it; a route that asks for another one."""
    api = create_api(app)
    asked = {permission for route in routes_of_tenants(api) for permission in permissions_of(route)}
    for role, held in PERMISSIONS_OF.items():
        for permission in asked:
            with monkeypatch.context() as flipped:
                flipped.setitem(PERMISSIONS_OF, role, held ^ {permission})
                assert declared(api) != written_out(), (role, permission)
    alike = {
        frozenset(role for role, held in PERMISSIONS_OF.items() if permission in held): permission
        for permission in asked
    }
    for route in routes_of_tenants(api):
        (need,) = [
            each.call for each in route.dependant.dependencies if isinstance(each.call, Needs)
        ]
        for permission in alike.values():
            with monkeypatch.context() as flipped:
                flipped.setattr(need, "permission", permission)
                roles = {role for role, held in PERMISSIONS_OF.items() if permission in held}
                changes = any(
                    written_out()[method, route.path] != roles for method in route.methods
                )
                assert (declared(api) != written_out()) == changes


@pytest.mark.parametrize("role", [*BuiltInRole])
def test_the_service_lets_a_role_do_what_is_written_out_and_nothing_else(
    app: App, stranger: httpx.Client, role: BuiltInRole
) -> None:
    """Of its own, of another tenant's, and of nobody's; 403 comes before anything is looked at."""
    key = app.as_owner_of(ACME).keys.issue(f"a {role}", role=role).key
    for (method, path), allowed in written_out().items():
        for whose in ("of-nobody", "of-acme", "of-other"):
            address = re.sub(r"{\w+}", whose, path)
            answer = stranger.request(method, address, headers={"Authorization": f"Bearer {key}"})
            if role in allowed:
                assert answer.status_code != 403, (method, path)
            else:
                assert answer.status_code == 403, (method, path)
                problem = answer.json()
                assert problem["code"] == "permission_missing"
                assert set(problem["hint"].split(" roles ")[1].split(", or")[0].split(", ")) == set(
                    allowed
                )


def test_a_role_that_may_only_draft_sends_nothing(app: App, stranger: httpx.Client) -> None:
    app.as_owner_of(ACME).roles.put("drafter", ["campaigns:write", "campaigns:read"])
    key = app.as_owner_of(ACME).keys.issue("drafts", role="drafter").key
    answer = stranger.post(
        "/v1/campaigns?commit=true", json={}, headers={"Authorization": f"Bearer {key}"}
    )
    assert (answer.status_code, answer.json()["expected"]) == (
        403,
        "the permission campaigns:send",
    )


def test_a_route_that_asks_for_no_permission_is_not_served(app: App) -> None:
    api = create_api(app)
    api.add_api_route("/v1/forgotten", lambda: None)
    with pytest.raises(InvariantBroken, match="/v1/forgotten asks for no permission"):
        require_permissions(api)


def test_a_key_that_lost_its_role_is_refused_by_the_fast_path_too(
    app: App, stranger: httpx.Client
) -> None:
    app.as_owner_of(ACME).roles.put("desk", ["sends:read"])
    key = app.as_owner_of(ACME).keys.issue("desk", role="desk").key
    headers = {"Authorization": f"Bearer {key}"}
    assert stranger.get("/v1/users/ann/best-times", headers=headers).status_code == 403


def test_the_use_of_a_key_is_noted_once(app: App, stranger: httpx.Client) -> None:
    key = app.as_owner_of(ACME).keys.issue("used", role="analyst").key
    for _ in range(3):
        stranger.get("/v1/models", headers={"Authorization": f"Bearer {key}"})

    def used_at() -> object:
        (found,) = [each for each in app.as_owner_of(ACME).keys.everyone() if each.name == "used"]
        return found.last_used_at

    wait_until(lambda: used_at() is not None, "the note")


def test_every_permission_is_asked_for_or_belongs_to_a_command(app: App) -> None:
    """Nothing can be granted that nothing needs."""
    asked = {each for route in routes_of_tenants(create_api(app)) for each in permissions_of(route)}
    asked |= {Permission.CAMPAIGNS_SEND}  # of a query parameter
    by_command_only = {
        Permission.STATEMENTS_CLOSE,
        Permission.RATE_CARDS_WRITE,
        Permission.SCORES_WRITE,
    }
    assert asked | by_command_only == set(Permission)


@pytest.fixture
def admin(app: App, stranger: httpx.Client) -> Callable[..., httpx.Response]:
    """Ask as an administrator, who may do everything but what is about money."""
    headers = {
        "Authorization": f"Bearer {app.as_owner_of(ACME).keys.issue('admin', role='admin').key}"
    }
    return lambda method, path, **options: stranger.request(
        method, path, headers=headers, **options
    )


def test_a_key_is_given_out_listed_renewed_and_withdrawn(
    admin: Callable[..., httpx.Response], stranger: httpx.Client
) -> None:
    asked = {"name": "quarterly", "role": "analyst", "expires_in_days": 7}
    issued = admin("POST", "/v1/keys", json=asked).json()
    listed = issued["listed"]
    assert listed in admin("GET", "/v1/keys").json()["items"]
    assert (listed["name"], listed["role"]) == ("quarterly", "analyst")
    assert listed["expires_at"] == "2026-10-08T09:30:00Z"
    assert issued["key"] not in admin("GET", "/v1/keys").text
    path = f"/v1/keys/{listed['key_id']}"
    renewed = admin("POST", f"{path}/rotate", json={"overlap_hours": 1}).json()
    for key in (issued["key"], renewed["key"]):
        headers = {"Authorization": f"Bearer {key}"}
        assert stranger.get("/v1/campaigns", headers=headers).status_code == 200
    assert admin("DELETE", path).status_code == 204
    withdrawn = {"Authorization": f"Bearer {issued['key']}"}
    assert stranger.get("/v1/campaigns", headers=withdrawn).status_code == 401


def test_nobody_gives_out_takes_away_or_renews_more_power_than_its_own(
    app: App, admin: Callable[..., httpx.Response]
) -> None:
    owners = app.as_owner_of(ACME).keys.issue("an owner's").key.split("_")[1]
    app.as_owner_of(ACME).roles.put("books", ["statements:close"])
    attempts = [
        admin("POST", "/v1/keys", json={"name": "mine", "role": "owner"}),
        admin("POST", "/v1/keys", json={"name": "mine", "role": "finance"}),
        admin("POST", "/v1/keys", json={"name": "mine", "role": "books"}),
        admin("POST", f"/v1/keys/{owners}/rotate", json={"overlap_hours": 0}),
        admin("DELETE", f"/v1/keys/{owners}"),
    ]
    assert [(each.status_code, each.json()["code"]) for each in attempts] == [
        (403, "role_beyond_own")
    ] * 5
    (key,) = [each for each in app.as_owner_of(ACME).keys.everyone() if each.key_id == owners]
    assert (key.revoked_at, key.expires_at) == (None, None)


def test_another_tenants_key_is_unknown(app: App, admin: Callable[..., httpx.Response]) -> None:
    theirs = app.as_owner_of(TenantId("other")).keys.issue("theirs").key.split("_")[1]
    for key_id in (theirs, "0" * 16, "nobody's"):
        assert admin("DELETE", f"/v1/keys/{key_id}").json()["code"] == "key_unknown"
        rotated = admin("POST", f"/v1/keys/{key_id}/rotate", json={"overlap_hours": 0})
        assert rotated.json()["code"] == "key_unknown"


def test_roles_are_listed_with_what_they_may(admin: Callable[..., httpx.Response]) -> None:
    found = {each["name"]: each for each in admin("GET", "/v1/roles").json()["items"]}
    assert {*BuiltInRole} <= {*found}
    for role in BuiltInRole:
        assert found[role]["permissions"] == sorted(PERMISSIONS_OF[role])
