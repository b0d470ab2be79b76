"""Tenants, keys and roles at the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli.conftest import Ended

from sendopt.records import BuiltInRole


@pytest.fixture
def told(ended: Ended) -> Any:
    """Run a command that succeeds, and return what it says."""

    def run(*arguments: str) -> str:
        status, out, err = ended(*arguments)
        assert status == 0, err
        return out.strip()

    return run


def keys(told: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(told("key", "list", "--json"))["keys"]
    return found


def test_a_key_has_the_role_and_the_end_that_it_was_given(told: Any) -> None:
    told("key", "issue", "forever")
    told("key", "issue", "a quarter", "--role", "analyst", "--expires-in", "90d")
    forever, quarter = keys(told)
    assert (forever["role"], forever["expires_at"], forever["last_used_at"]) == (
        "owner",
        None,
        None,
    )
    assert quarter["role"] == "analyst"
    assert quarter["expires_at"] > quarter["created_at"]
    assert "analyst" in told("key", "list")


def test_a_rotated_key_goes_on_for_the_overlap(told: Any, ended: Ended) -> None:
    first = told("key", "issue", "shop", "--role", "ingest").split("_")[1]
    second = told("key", "rotate", first, "--overlap", "1h").split("_")[1]
    old, new = keys(told)
    assert (old["key_id"], new["key_id"]) == (first, second)
    assert (old["name"], old["role"]) == (new["name"], new["role"]) == ("shop", "ingest")
    assert (old["expires_at"] is None, new["expires_at"]) == (False, None)
    status, _, err = ended("key", "rotate", second)
    assert (status, err.split(":")[0]) == (2, "rotation_under_way")


def test_a_role_of_ones_own_is_made_shown_given_and_forgotten(told: Any, ended: Ended) -> None:
    assert (
        told("role", "put", "desk", "sends:read", "sends:cancel") == "desk: sends:cancel sends:read"
    )
    roles = json.loads(told("role", "list", "--json"))["roles"]
    assert [role["name"] for role in roles] == [*BuiltInRole, "desk"]
    assert set(roles[-1]["permissions"]) == {"sends:read", "sends:cancel"}
    key_id = told("key", "issue", "front desk", "--role", "desk").split("_")[1]
    status, _, err = ended("role", "delete", "desk")
    assert (status, key_id in err) == (2, True)
    told("key", "revoke", key_id)
    made = json.loads(told("role", "put", "desk", "sends:read", "--json"))["role"]
    assert made == {"name": "desk", "permissions": ["sends:read"], "built_in": False}
    assert json.loads(told("role", "delete", "desk", "--json"))["deleted"] is True
    told("role", "put", "desk", "sends:read")
    assert told("role", "delete", "desk") == "desk: deleted"
    assert "everything" in told("role", "list")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["key", "issue", "x", "--role", "desk"], "role_unknown: role: there is no role desk"),
        (["key", "issue", "x", "--expires-in", "soon"], "duration_invalid: --expires-in"),
        (["key", "rotate", "0" * 16], "key_unknown"),
        (["role", "put", "desk", "sends:reed"], "did you mean sends:read?"),
        (["role", "put", "owner", "sends:read"], "role_built_in"),
        (["role", "delete", "desk"], "role_unknown"),
    ],
)
def test_what_is_wrong_is_named(ended: Ended, arguments: list[str], said: str) -> None:
    status, out, err = ended(*arguments)
    assert (status, out) == (2, "")
    assert said in err


def test_every_tenant_is_listed(told: Any) -> None:
    told("tenant", "create", "acme", "--timezone", "Europe/Vienna")
    found = json.loads(told("tenant", "list", "--json"))["tenants"]
    assert {each["tenant_id"]: each["timezone"] for each in found} == {
        "acme": "Europe/Vienna",
        "default": "UTC",
    }
    assert "Europe/Vienna" in told("tenant", "list")


def test_what_was_done_at_the_command_line_is_told(told: Any, ended: Ended) -> None:
    key_id = told("key", "issue", "a program", "--role", "analyst").split("_")[1]
    told("role", "put", "desk", "sends:read")
    told("key", "revoke", key_id)
    records = json.loads(told("audit", "list", "--json"))["records"]
    assert [(each["action"], each["target"]) for each in records] == [
        ("key:revoke", key_id),
        ("role:put", "desk"),
        ("key:issue", key_id),
    ]
    assert {each["origin"]["place"] for each in records} == {"command line"}
    assert key_id in told("audit", "list", "--action", "key:issue", "--target", key_id)
    nobody = told("audit", "list", "--actor", "nobody", "--since", "2026-01-01T00:00:00Z", "--json")
    assert json.loads(nobody)["records"] == []
    assert ended("audit", "list", "--since", "yesterday")[0] == 2
