"""Operators look over tenants, create them, and are recorded; in no tenant's rows."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from api.serving import serving

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.settings import Settings


@pytest.fixture(scope="module")
def service(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("operator") / "home")
    with closing(open_app(Settings(home=home))) as app:
        yield app


@pytest.fixture(scope="module")
def address(service: App) -> Iterator[str]:
    with serving(service) as url:
        yield url


@pytest.fixture(scope="module")
def operator(service: App, address: str) -> Iterator[httpx.Client]:
    key = service.operator.keys.issue("tests").key
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        yield client


def test_tenants_are_created_once_and_listed_by_name(operator: httpx.Client) -> None:
    for name in ("b", "a", "c"):
        body = {"tenant_id": name, "timezone": "Europe/Vienna"}
        assert operator.post("/v1/operator/tenants", json=body).status_code == 201
    again = operator.post("/v1/operator/tenants", json={"tenant_id": "a", "timezone": "UTC"})
    assert (again.status_code, again.json()["timezone"]) == (200, "Europe/Vienna")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = operator.get("/v1/operator/tenants", params=asked).json()
        seen += [each["tenant_id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["a", "b", "c", "default"]
    refused = operator.post("/v1/operator/tenants", json={"tenant_id": "*"})
    assert refused.json()["code"] == "tenant_invalid"


def test_a_key_for_repeating_is_refused_where_none_is_heard(operator: httpx.Client) -> None:
    before = operator.get("/v1/operator/keys").json()
    headers = {"Idempotency-Key": "once"}
    for path, body in (("keys", {"name": "twice", "role": "observer"}), ("hold", None)):
        refused = operator.post(f"/v1/operator/{path}", json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_unheard")
        assert refused.json()["field"] == "Idempotency-Key"
    assert operator.get("/v1/operator/keys").json() == before


def test_what_waits_is_told_by_tenant(operator: httpx.Client) -> None:
    found = operator.get("/v1/operator/backlog").json()
    assert found["sends"]["default"]["planned"] == 0
    assert found["held"]["default"] == found["unmetered"]["default"] == 0


def test_holding_and_resuming_is_told_and_recorded(operator: httpx.Client) -> None:
    told = {"sends": 0, "held_later": 0, "held_overdue": 0}
    assert operator.post("/v1/operator/hold").json() == told
    assert operator.post("/v1/operator/resume", json={"overdue": True}).json() == told
    records = operator.get("/v1/operator/audit", params={"target": "*"}).json()["items"]
    assert [each["action"] for each in records] == ["fleet:resume", "fleet:hold"]
    assert records[0]["after"] == {"sends": 0, "overdue": True}


def test_keys_are_given_out_listed_and_withdrawn_and_that_is_recorded(
    operator: httpx.Client, address: str
) -> None:
    asked = {"name": "on call", "role": "observer", "expires_in_days": 7}
    issued = operator.post("/v1/operator/keys", json=asked).json()
    key_id = issued["listed"]["key_id"]
    assert issued["listed"] in operator.get("/v1/operator/keys").json()["items"]
    assert issued["key"] not in operator.get("/v1/operator/keys").text
    headers = {"Authorization": f"Bearer {issued['key']}"}
    assert httpx.get(f"{address}/v1/operator/tenants", headers=headers).status_code == 200
    assert operator.delete(f"/v1/operator/keys/{key_id}").status_code == 204
    assert httpx.get(f"{address}/v1/operator/tenants", headers=headers).status_code == 401
    assert operator.delete("/v1/operator/keys/nobody's").json()["code"] == "key_unknown"
    records = operator.get("/v1/operator/audit", params={"target": key_id}).json()["items"]
    assert [each["action"] for each in records] == ["operator_key:revoke", "operator_key:issue"]
    own = operator.headers["authorization"].split("_")[2]
    assert {each["actor"] for each in records} == {f"operator key:{own}"}
    assert {each["place"] for each in records} == {"127.0.0.1"}
    assert issued["key"] not in str(records)


def test_what_operators_do_is_in_no_tenants_audit_and_the_other_way_round(
    operator: httpx.Client, service: App, address: str
) -> None:
    owner = service.as_owner_of(DEFAULT_TENANT)
    headers = {"Authorization": f"Bearer {owner.keys.issue('tests').key}"}
    theirs = httpx.get(f"{address}/v1/audit", headers=headers).json()["items"]
    ours = operator.get("/v1/operator/audit").json()["items"]
    assert {each["action"] for each in theirs} == {"key:issue"}
    assert not {each["audit_id"] for each in ours} & {each["audit_id"] for each in theirs}
    assert "key:issue" not in {each["action"] for each in ours}


def test_a_key_of_an_operator_that_is_wrong_is_as_any_wrong_key(address: str) -> None:
    for bearer in ("so_op_", f"so_op_{'0' * 16}_{secrets.token_hex(32)}"):
        headers = {"Authorization": f"Bearer {bearer}"}
        answer = httpx.get(f"{address}/v1/operator/tenants", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authorized")
