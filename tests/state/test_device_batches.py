"""Many devices at once end as they would one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.records import Channel, Device, DeviceId, Registration, TenantId, UserId
from sendopt.state import State, devices, unchanged, users
from sendopt.state.device_batches import Registered, register_all
from sendopt.state.tables import device as table
from sendopt.state.transaction import TenantWrite

SHOP = TenantId("shop")
ONE_BY_ONE, AT_ONCE = TenantId("one by one"), TenantId("at once")


def a_device(
    name: str, user: str, place: str, zone: str | None = None, platform: str | None = None
) -> Device:
    return Device(
        DeviceId(name),
        UserId(user),
        Channel.WEB_PUSH,
        {"endpoint": f"https://push.example/{place}", "keys": {"auth": name}},
        platform=platform,
        timezone=zone,
    )


few = st.sampled_from("abcd")
registrations = st.builds(
    Registration,
    st.builds(a_device, few, few, few, st.none() | st.sampled_from(["UTC", "Asia/Tokyo"])),
    st.sampled_from([frozenset(), frozenset({"timezone"})]),
)


def as_stored(tx: TenantWrite) -> list[Any]:
    rows = tx.execute(sa.select(table).where(tx.owns(table)).order_by(table.c.device_id))
    apart = {"tenant_id", "registered_at", "row_hash"}
    return [{k: v for k, v in row._mapping.items() if k not in apart} for row in rows]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(registrations, max_size=4),
    dead=st.none() | few,
    said=st.lists(registrations, min_size=1, max_size=6),
)
def test_the_same_devices_are_stored_as_one_after_the_other(
    state: State,
    now: datetime,
    before: list[Registration],
    dead: str | None,
    said: list[Registration],
) -> None:
    later = now + timedelta(hours=1)
    with state.write_fleet() as tx:
        tx.execute(sa.delete(table))
        for tenant_id in (ONE_BY_ONE, AT_ONCE):
            for each in before:
                devices.register(tx.of(tenant_id), each.device, now=now)
            if dead is not None:
                devices.mark_dead(tx.of(tenant_id), DeviceId(dead), reason="gone", now=now)
        stored = [
            devices.register(tx.of(ONE_BY_ONE), each.device, now=later, taken_back=each.taken_back)
            for each in said
        ]
        answered = register_all(tx.of(AT_ONCE), said, now=later)
        assert [each.device for each in answered] == stored
        assert as_stored(tx.of(AT_ONCE)) == as_stored(tx.of(ONE_BY_ONE))
        assert list(unchanged.changed(tx, table)) == []


def register(state: State, said: Sequence[Device], now: datetime) -> list[Registered]:
    with state.write(SHOP) as tx:
        return register_all(tx, [Registration(each) for each in said], now=now)


def test_what_is_stored_just_so_is_left_alone(state: State, now: datetime) -> None:
    said = [a_device(f"d{n}", f"u{n}", f"p{n}", "UTC", "web") for n in range(5)]
    assert {each.changed for each in register(state, said, now)} == {True}
    with state.read(SHOP) as tx:
        assert len(list(users.everyone(tx))) == 5
    silent = [a_device(f"d{n}", f"u{n}", f"p{n}") for n in range(5)]
    moved = [a_device("d4", "u4", "elsewhere"), *silent[:4]]
    later = now + timedelta(days=1)
    for repeated in (said, silent):
        assert {each.changed for each in register(state, repeated, later)} == {False}
    with state.read(SHOP) as tx:
        assert set(tx.scalars(sa.select(table.c.registered_at))) == {now}
    assert [each.changed for each in register(state, moved, later)] == [True, *[False] * 4]


@pytest.mark.slow
def test_many_are_more_than_one_statement_takes(state: State, now: datetime) -> None:
    said = [a_device(f"d{n}", f"u{n % 7}", f"p{n}") for n in range(12_000)]
    assert all(each.changed for each in register(state, said, now))
    assert not any(each.changed for each in register(state, said, now))


def test_nothing_is_registered_where_nothing_is_said(state: State, now: datetime) -> None:
    assert register(state, [], now) == []


@pytest.mark.parametrize("name", ["timezone", "platform"])
def test_a_zone_and_a_platform_can_be_taken_back(state: State, now: datetime, name: str) -> None:
    known = a_device("d", "u", "p", "UTC", "web")
    with state.write(SHOP) as tx:
        devices.register(tx, known, now=now)
        devices.register(tx, a_device("d", "u", "p"), now=now, taken_back=frozenset({name}))
        stored = devices.get(tx, DeviceId("d"))
    assert getattr(stored, name) is None
    assert {stored.timezone, stored.platform} - {None} == {"UTC", "web"} - {getattr(known, name)}
