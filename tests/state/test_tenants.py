from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sendopt.errors import InvalidInput
from sendopt.records import TenantId
from sendopt.state import State, tenants

SHOP = TenantId("shop")
BANK = TenantId("bank")


def test_a_tenant_is_created_once(state: State, now: datetime) -> None:
    with state.write_fleet() as tx:
        assert not tenants.exists(tx.of(SHOP))
        assert tenants.create(tx, SHOP, timezone="Asia/Kathmandu", now=now)
        assert not tenants.create(tx, SHOP, timezone="UTC", now=now + timedelta(days=1))
        assert tenants.exists(tx.of(SHOP))
        assert tenants.get(tx.of(SHOP)) == tenants.Tenant(SHOP, "Asia/Kathmandu", now)
        assert tenants.everyone(tx) == [SHOP]


@pytest.mark.parametrize("name", ["", "a" * 64, "A", "a/b", "../a", "a b", "-a", "ä", "a\n"])
def test_a_tenant_needs_a_plain_name(state: State, now: datetime, name: str) -> None:
    with state.write_fleet() as tx, pytest.raises(InvalidInput) as refused:
        tenants.create(tx, TenantId(name), timezone="UTC", now=now)
    assert refused.value.code == "tenant_invalid"
