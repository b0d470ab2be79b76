from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.errors import NotAuthorized, NotFound
from sendopt.records import TenantId
from sendopt.state import State, api_keys, tenants
from sendopt.state.tables import metadata

SHOP = TenantId("shop")
BANK = TenantId("bank")


@pytest.fixture
def keys(state: State, now: datetime) -> dict[TenantId, str]:
    """One key of each of two tenants."""
    with state.write_fleet() as tx:
        for tenant_id in (SHOP, BANK):
            tenants.create(tx, tenant_id, timezone="Europe/Berlin", now=now)
        return {
            tenant_id: api_keys.issue(
                tx.of(tenant_id), name="ingest", now=now, random_bytes=secrets.token_bytes
            )
            for tenant_id in (SHOP, BANK)
        }


def test_a_key_opens_its_own_tenant(state: State, keys: dict[TenantId, str]) -> None:
    with state.read_fleet() as tx:
        assert api_keys.authenticate(tx, keys[SHOP]) == SHOP
        assert api_keys.authenticate(tx, keys[BANK]) == BANK


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
            api_keys.authenticate(tx, key)
        answers.add((refused.value.code, str(refused.value)))
        assert key_id not in str(refused.value)
    assert len(answers) == 1


def test_a_key_is_replaced_without_a_gap(
    state: State, keys: dict[TenantId, str], now: datetime
) -> None:
    old_id = keys[SHOP].split("_")[1]
    with state.write_fleet() as tx:
        new = api_keys.issue(tx.of(SHOP), name="new", now=now, random_bytes=secrets.token_bytes)
        assert api_keys.authenticate(tx, keys[SHOP]) == api_keys.authenticate(tx, new) == SHOP
    with state.write(SHOP) as tx:
        api_keys.revoke(tx, old_id, now=now)
        api_keys.revoke(tx, old_id, now=now + timedelta(days=1))
    with state.read_fleet() as tx:
        assert api_keys.authenticate(tx, new) == SHOP
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
        assert api_keys.authenticate(tx, keys[SHOP]) == SHOP


def test_an_unknown_tenant_gets_no_key(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx, pytest.raises(NotFound):
        api_keys.issue(tx, name="x", now=now, random_bytes=secrets.token_bytes)
