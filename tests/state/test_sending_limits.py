"""A tenant's limits are kept version by version, and the newest one holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.errors import InvariantBroken, NotFound
from sendopt.records import (
    NO_LIMITS,
    Capacity,
    Channel,
    FrequencyCap,
    SendingLimits,
    TenantId,
)
from sendopt.state import State, sending_limits, tenants, unchanged
from sendopt.state import tables_limits as tables

SHOP = TenantId("shop")
LIMITS = SendingLimits(
    caps=(
        FrequencyCap(2, timedelta(hours=24)),
        FrequencyCap(1, timedelta(days=7), message_type="promotion"),
    ),
    least_gap=timedelta(hours=4),
    weekly_budget=5,
    capacities=(Capacity(600), Capacity(60, Channel.WEBHOOK)),
    message_cost=0.01,
    no_send_share=0.02,
    legal_hours=True,
)


@pytest.fixture
def shop(state: State, now: datetime) -> State:
    with state.write_fleet() as tx:
        tenants.create(tx, SHOP, timezone="Europe/Berlin", now=now)
    return state


def test_who_never_said_any_has_none(shop: State) -> None:
    with shop.read(SHOP) as tx:
        assert sending_limits.get(tx) == NO_LIMITS
        assert sending_limits.latest(tx) is None
        with pytest.raises(NotFound) as refused:
            sending_limits.of_version(tx, 1)
    assert refused.value.code == "limits_unknown"


def test_the_newest_version_holds_and_earlier_ones_stay(shop: State, now: datetime) -> None:
    later = now + timedelta(days=1)
    with shop.write(SHOP) as tx:
        nothing, first = sending_limits.put(tx, LIMITS, now=now)
        before, second = sending_limits.put(tx, NO_LIMITS, now=later)
        assert (nothing, before) == (None, first)
        assert sending_limits.latest(tx) == second
        assert sending_limits.of_version(tx, 1) == first
    assert (first.limits, first.since) == (replace(LIMITS, version=1), now)
    assert (second.limits, second.since) == (replace(NO_LIMITS, version=2), later)
    with shop.read_fleet() as tx:
        assert list(unchanged.changed(tx, tables.sending_limits)) == []


def test_what_says_the_same_makes_no_version(shop: State, now: datetime) -> None:
    with shop.write(SHOP) as tx:
        for version, given in ((1, LIMITS), (1, replace(LIMITS, version=9)), (2, NO_LIMITS)):
            _, put = sending_limits.put(tx, given, now=now + version * timedelta(hours=1))
            assert put.limits == replace(given, version=version)
            assert put.since == now + version * timedelta(hours=1)
            assert sending_limits.get(tx) == put.limits


def test_a_tenant_that_nobody_created_has_no_limits(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx, pytest.raises(NotFound) as refused:
        sending_limits.put(tx, LIMITS, now=now)
    assert refused.value.code == "tenant_unknown"


@pytest.mark.parametrize(
    "damaged",
    ["{}", "[]", '{"caps": [{"at_most": 2}]}', '{"caps": [], "least_gap_seconds": "4h"}'],
)
def test_damaged_limits_are_never_taken_for_none(shop: State, now: datetime, damaged: str) -> None:
    with shop.write(SHOP) as tx:
        sending_limits.put(tx, LIMITS, now=now)
        tx.execute(sa.text("update sending_limits set limits = :it"), {"it": damaged})
    with shop.write(SHOP) as tx:
        for ask in (
            lambda: sending_limits.get(tx),
            lambda: sending_limits.put(tx, NO_LIMITS, now=now),
        ):
            with pytest.raises(InvariantBroken) as refused:
                ask()
            assert refused.value.code == "limits_damaged"
