from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sendopt.errors import Conflict, InvalidInput, NotAuthorized, NotFound
from sendopt.records import PERMISSIONS_OF, Permission, TenantId
from sendopt.state import FleetRead, State, TenantWrite, api_keys, roles, tenants
from sendopt.state.tables import api_key, metadata

SHOP = TenantId("shop")
BANK = TenantId("bank")


def issue(tx: TenantWrite, name: str, *, now: datetime, **given: Any) -> str:
    asked = {"role": "owner", "expires_at": None} | given
    return api_keys.issue(tx, name=name, now=now, random_bytes=secrets.token_bytes, **asked)


def whose(tx: FleetRead, key: str, *, now: datetime) -> TenantId:
    return api_keys.authenticate(tx, key, now=now).principal.tenant_id


@pytest.fixture
def keys(state: State, now: datetime) -> dict[TenantId, str]:
    """One key of each of two tenants."""
    with state.write_fleet() as tx:
        for tenant_id in (SHOP, BANK):
            tenants.create(tx, tenant_id, timezone="Europe/Berlin", now=now)
        return {tenant_id: issue(tx.of(tenant_id), "ingest", now=now) for tenant_id in (SHOP, BANK)}


def test_a_key_opens_its_own_tenant(state: State, keys: dict[TenantId, str], now: datetime) -> None:
    with state.read_fleet() as tx:
        assert whose(tx, keys[SHOP], now=now) == SHOP
        assert whose(tx, keys[BANK], now=now) == BANK


def test_no_secret_is_stored(state: State, keys: dict[TenantId, str]) -> None:
    secret = keys[SHOP].split("_")[2]
    with state.read_fleet() as tx:
        for table in metadata.sorted_tables:
            assert secret not in str(tx.execute(sa.select(table)).all())


def test_every_wrong_key_gets_the_same_answer(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    key_id, secret = keys[SHOP].split("_")[1:]
    other_id, other_secret = keys[BANK].split("_")[1:]
    with state.write(BANK) as tx:
        api_keys.revoke(tx, other_id, now=now)
    wrong = [
        "",
        "so_",
        keys[SHOP][:-1],
        keys[SHOP] + "0",
        keys[SHOP].upper(),
        keys[SHOP] + "\n",
        f"so_{key_id}_{'0' * 64}",
        f"so_{key_id}_{other_secret}",
        f"so_{'0' * 16}_{secret}",
        keys[BANK],  # revoked
        "so_" + "é" * 81,
    ]
    answers = set()
    for key in wrong:
        with state.read_fleet() as tx, pytest.raises(NotAuthorized) as refused:
            whose(tx, key, now=now)
        answers.add((refused.value.code, str(refused.value)))
        assert key_id not in str(refused.value)
    assert len(answers) == 1


def test_a_key_is_replaced_without_a_gap(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    old_id = keys[SHOP].split("_")[1]
    with state.write_fleet() as tx:
        new = issue(tx.of(SHOP), "new", now=now)
        assert whose(tx, keys[SHOP], now=now) == whose(tx, new, now=now) == SHOP
    with state.write(SHOP) as tx:
        api_keys.revoke(tx, old_id, now=now)
        api_keys.revoke(tx, old_id, now=now + timedelta(days=1))
    with state.read_fleet() as tx:
        assert whose(tx, new, now=now) == SHOP
        revoked = [key.revoked_at for key in api_keys.everyone(tx.of(SHOP)) if key.key_id == old_id]
    assert revoked == [now]


def test_another_tenants_key_cannot_be_revoked(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    answers = []
    for key_id in (keys[SHOP].split("_")[1], "0" * 16):
        with state.write(BANK) as tx, pytest.raises(NotFound) as refused:
            api_keys.revoke(tx, key_id, now=now)
        answers.append(str(refused.value))
    assert answers[0] == answers[1]
    with state.read_fleet() as tx:
        assert whose(tx, keys[SHOP], now=now) == SHOP


def test_an_unknown_tenant_gets_no_key(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx, pytest.raises(NotFound):
        issue(tx, "x", now=now)


def test_a_key_may_do_what_its_role_may(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    with state.write_fleet() as tx:
        shop = tx.of(SHOP)
        roles.put(shop, "desk", ["sends:read", "sends:cancel"], now=now)
        for role in (*PERMISSIONS_OF, "desk"):
            key = issue(shop, role, now=now, role=role)
            principal = api_keys.authenticate(tx, key, now=now).principal
            assert (principal.tenant_id, principal.role) == (SHOP, role)
            assert principal.permissions == roles.get(shop, role).permissions
        roles.put(shop, "desk", ["sends:read"], now=now)
        changed = api_keys.authenticate(tx, key, now=now).principal
        assert changed.permissions == {Permission.SENDS_READ}


def test_a_key_of_before_there_were_roles_may_do_everything(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    with state.write_fleet() as tx:
        tx.execute(sa.update(api_key).values(role=None))
        principal = api_keys.authenticate(tx, keys[SHOP], now=now).principal
        assert principal.permissions == frozenset(Permission)
        assert [key.role for key in api_keys.everyone(tx.of(SHOP))] == ["owner"]


def test_another_tenants_role_is_unknown(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    with state.write_fleet() as tx:
        roles.put(tx.of(BANK), "desk", ["sends:read"], now=now)
        with pytest.raises(NotFound, match="there is no role desk"):
            issue(tx.of(SHOP), "x", now=now, role="desk")


def test_a_key_ends_at_its_hour_and_not_before(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    ends_at = now + timedelta(hours=1)
    with state.write_fleet() as tx:
        key = issue(tx.of(SHOP), "short", now=now, expires_at=ends_at)
        just_before = ends_at - timedelta(microseconds=1)
        assert whose(tx, key, now=just_before) == SHOP
        with pytest.raises(NotAuthorized):
            whose(tx, key, now=ends_at)
        with pytest.raises(InvalidInput) as refused:
            issue(tx.of(SHOP), "over", now=now, expires_at=now)
    assert refused.value.code == "key_expired"


def test_a_rotated_key_has_a_successor_beside_it_for_a_while_and_only_one(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    def rotate(tx: TenantWrite, key: str, *, at: datetime) -> str:
        return api_keys.rotate(
            tx,
            key.split("_")[1],
            ends_at=at + timedelta(days=7),
            now=at,
            random_bytes=secrets.token_bytes,
        )

    week_over = now + timedelta(days=7)
    with state.write_fleet() as tx:
        shop = tx.of(SHOP)
        new = rotate(shop, keys[SHOP], at=now)
        assert whose(tx, keys[SHOP], now=now) == whose(tx, new, now=now) == SHOP
        for key in (keys[SHOP], new):
            with pytest.raises(Conflict) as refused:
                rotate(shop, key, at=now)
            assert refused.value.code == "rotation_under_way"
        with pytest.raises(NotAuthorized):
            whose(tx, keys[SHOP], now=week_over)
        with pytest.raises(Conflict) as refused:
            rotate(shop, keys[SHOP], at=week_over)
        assert refused.value.code == "key_dead"
        newest = rotate(shop, new, at=week_over)
        assert whose(tx, newest, now=week_over) == SHOP
        assert {(key.name, key.role) for key in api_keys.everyone(shop)} == {("ingest", "owner")}
        with pytest.raises(NotFound):
            rotate(tx.of(BANK), new, at=now)


def test_the_successor_of_a_key_that_ends_lives_as_long_as_it_did(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    quarter, shortly_before = timedelta(days=90), now + timedelta(days=88)
    with state.write(SHOP) as tx:
        key = issue(tx, "quarterly", now=now, expires_at=now + quarter)
        new = api_keys.rotate(
            tx,
            api_keys.id_of(key),
            ends_at=shortly_before + timedelta(days=7),
            now=shortly_before,
            random_bytes=secrets.token_bytes,
        )
        old, successor = (api_keys.get(tx, api_keys.id_of(each)) for each in (key, new))
    assert old.expires_at == now + quarter
    assert successor.expires_at == shortly_before + quarter


def test_the_use_of_a_key_is_noted(state: State, keys: dict[TenantId, str], now: datetime) -> None:
    with state.write_fleet() as tx:
        api_keys.note_use(tx.of(SHOP), keys[SHOP].split("_")[1], at=now)
        assert [key.last_used_at for key in api_keys.everyone(tx.of(SHOP))] == [now]
        assert [key.last_used_at for key in api_keys.everyone(tx.of(BANK))] == [None]
