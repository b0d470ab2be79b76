from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pytest

from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import PERMISSIONS_OF, BuiltInRole, Permission, TenantId
from sendopt.state import State, api_keys, roles, tenants

SHOP = TenantId("shop")


@pytest.fixture
def shop(state: State, now: datetime) -> TenantId:
    with state.write_fleet() as tx:
        tenants.create(tx, SHOP, timezone="UTC", now=now)
    return SHOP


def test_the_built_in_roles_come_first_and_then_those_of_the_tenant(
    state: State, shop: TenantId, now: datetime
) -> None:
    with state.write(shop) as tx:
        roles.put(tx, "desk", ["sends:read"], now=now)
        found = roles.everyone(tx)
    assert [role.name for role in found] == [*BuiltInRole, "desk"]
    assert found[-1] == roles.Role("desk", frozenset({Permission.SENDS_READ}), built_in=False)


def test_an_owner_may_do_everything_and_an_auditor_may_change_nothing() -> None:
    assert PERMISSIONS_OF[BuiltInRole.OWNER] == frozenset(Permission)
    assert all(each.endswith(":read") for each in PERMISSIONS_OF[BuiltInRole.AUDITOR])
    assert {each for each in Permission if each.endswith(":read")} == set(
        PERMISSIONS_OF[BuiltInRole.AUDITOR]
    )


@pytest.mark.parametrize(
    ("name", "permissions", "refusal"),
    [
        ("owner", ["sends:read"], ("role_built_in", None)),
        ("Desk", ["sends:read"], ("role_invalid", None)),
        ("", ["sends:read"], ("role_invalid", None)),
        ("a" * 64, ["sends:read"], ("role_invalid", None)),
        ("desk", [], ("permission_unknown", None)),
        ("desk", ["send:read", "sends:read"], ("permission_unknown", "did you mean sends:read?")),
        ("desk", ["*"], ("permission_unknown", None)),
    ],
)
def test_what_is_no_role_is_refused(
    state: State, shop: TenantId, name: str, permissions: list[str], refusal: tuple[str, str | None]
) -> None:
    at = datetime(2026, 10, 1, tzinfo=UTC)
    with state.write(shop) as tx, pytest.raises(InvalidInput) as refused:
        roles.put(tx, name, permissions, now=at)
    assert (refused.value.code, refused.value.hint) == refusal


def test_a_role_is_deleted_once_no_living_key_has_it(
    state: State, shop: TenantId, now: datetime
) -> None:
    with state.write(shop) as tx:
        roles.put(tx, "desk", ["sends:read"], now=now)
        key = api_keys.issue(
            tx,
            name="x",
            role="desk",
            expires_at=None,
            now=now,
            random_bytes=secrets.token_bytes,
        )
        key_id = key.split("_")[1]
        with pytest.raises(Conflict, match=key_id):
            roles.delete(tx, "desk")
        api_keys.revoke(tx, key_id, now=now)
        roles.delete(tx, "desk")
        with pytest.raises(NotFound):
            roles.delete(tx, "desk")
        with pytest.raises(InvalidInput) as refused:
            roles.delete(tx, "owner")
        assert refused.value.code == "role_built_in"


def test_an_unknown_role_is_answered_with_those_that_there_are(
    state: State, shop: TenantId
) -> None:
    with state.read(shop) as tx, pytest.raises(NotFound) as refused:
        roles.get(tx, "desk")
    assert refused.value.expected == ", ".join(BuiltInRole)
