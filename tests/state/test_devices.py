from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.errors import NotFound
from sendopt.records import Channel, Device, DeviceId, TenantId, UserId
from sendopt.state import State, devices, unchanged, users
from sendopt.state.tables import device as device_table

SHOP = TenantId("shop")
BANK = TenantId("bank")
ANN = UserId("ann")
BOB = UserId("bob")


def a_browser(device_id: str, user_id: UserId = ANN, *, endpoint: str = "1") -> Device:
    return Device(
        device_id=DeviceId(device_id),
        user_id=user_id,
        channel=Channel.WEB_PUSH,
        address={
            "endpoint": f"https://push.example/{endpoint}",
            "keys": {"p256dh": "key", "auth": "secret"},
        },
        platform="firefox",
        timezone="Europe/Berlin",
    )


def a_webhook(device_id: str, user_id: UserId) -> Device:
    return Device(
        device_id=DeviceId(device_id),
        user_id=user_id,
        channel=Channel.WEBHOOK,
        address={"url": "https://gateway.example/push", "secret": "whsec"},
    )


def test_a_device_makes_its_user_known(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        devices.register(tx, a_browser("d1"), now=now)
        assert users.get(tx, ANN) == users.User(ANN, None, None)
        assert devices.get(tx, DeviceId("d1")) == a_browser("d1")


def test_the_same_address_again_is_the_same_device(state: State, now: datetime) -> None:
    renewed = replace(a_browser("d2"), timezone="Asia/Tokyo")
    with state.write(SHOP) as tx:
        devices.register(tx, a_browser("d1"), now=now)
        stored = devices.register(tx, renewed, now=now)
        assert stored == replace(renewed, device_id=DeviceId("d1"))
        assert devices.reachable(tx, channel=Channel.WEB_PUSH) == [stored]


def test_a_device_may_get_a_new_address(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        devices.register(tx, a_browser("d1"), now=now)
        moved = devices.register(tx, a_browser("d1", endpoint="2"), now=now)
        assert devices.reachable(tx, channel=Channel.WEB_PUSH) == [moved]
        # The old address is free again.
        devices.register(tx, a_browser("d2", BOB), now=now)


def test_an_address_that_moves_to_another_installation_keeps_its_id(
    state: State, now: datetime
) -> None:
    with state.write(SHOP) as tx:
        devices.register(tx, a_browser("d1", endpoint="1"), now=now)
        devices.register(tx, a_browser("d2", endpoint="2"), now=now)
        stored = devices.register(tx, a_browser("d2", endpoint="1"), now=now)
        assert stored.device_id == "d1"
        # Its installation has this address now, and no other.
        assert devices.reachable(tx, channel=Channel.WEB_PUSH) == [stored]


@pytest.mark.parametrize(
    "second", [a_browser("d2", BOB, endpoint="1"), a_browser("d1", BOB, endpoint="2")]
)
def test_who_uses_a_shared_browser_next_takes_it_over(
    state: State, now: datetime, second: Device
) -> None:
    with state.write(SHOP) as tx:
        devices.register(tx, a_browser("d1"), now=now)
        stored = devices.register(tx, second, now=now)
        assert stored == replace(second, device_id=DeviceId("d1"))
        assert devices.reachable(tx, channel=Channel.WEB_PUSH) == [stored]
        assert devices.reachable(tx, channel=Channel.WEB_PUSH, user_ids=[ANN]) == []
        back = devices.register(tx, a_browser("d3"), now=now)
        assert devices.reachable(tx, channel=Channel.WEB_PUSH, user_ids=[ANN]) == [back]
    with state.read_fleet() as tx:
        assert list(unchanged.changed(tx, device_table)) == []


def test_who_logs_in_on_anothers_installation_leaves_nothing_of_it_to_the_other(
    state: State, now: datetime
) -> None:
    """Their gateway has one address; each user's use of it is a device of its own."""
    with state.write(SHOP) as tx:
        devices.register(tx, a_webhook("d1", ANN), now=now)
        devices.register(tx, a_webhook("d2", BOB), now=now)
        stored = devices.register(tx, a_webhook("d1", BOB), now=now)
        assert stored.device_id == "d2"
        assert devices.reachable(tx, channel=Channel.WEBHOOK) == [stored]


def test_what_is_not_said_again_stays(state: State, now: datetime) -> None:
    silent = replace(a_browser("d1"), platform=None, timezone=None)
    with state.write(SHOP) as tx:
        devices.register(tx, a_browser("d1"), now=now)
        assert devices.register(tx, silent, now=now) == a_browser("d1")
        assert devices.get(tx, DeviceId("d1")) == a_browser("d1")
    with state.read_fleet() as tx:
        assert list(unchanged.changed(tx, device_table)) == []


def test_a_device_that_was_logged_out_is_reached_no_more(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        devices.register(tx, a_browser("d1"), now=now)
    with state.write(BANK) as tx, pytest.raises(NotFound):
        devices.delete(tx, DeviceId("d1"))
    with state.write(SHOP) as tx:
        devices.delete(tx, DeviceId("d1"))
        assert devices.reachable(tx, channel=Channel.WEB_PUSH) == []
        with pytest.raises(NotFound):
            devices.delete(tx, DeviceId("d1"))
        devices.register(tx, a_browser("d1", BOB), now=now)


def test_one_webhook_serves_many_users(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        for name, user_id in (("d1", ANN), ("d2", BOB)):
            devices.register(tx, a_webhook(name, user_id), now=now)
        found = devices.reachable(tx, channel=Channel.WEBHOOK)
    assert [device.user_id for device in found] == [ANN, BOB]


def test_a_dead_device_is_not_reachable_until_it_registers_again(
    state: State, now: datetime
) -> None:
    with state.write(SHOP) as tx:
        devices.register(tx, a_browser("d1"), now=now)
        devices.mark_dead(tx, DeviceId("d1"), reason="410", now=now)
        assert devices.reachable(tx, channel=Channel.WEB_PUSH) == []
        devices.register(tx, a_browser("d1"), now=now)
        assert devices.reachable(tx, channel=Channel.WEB_PUSH) == [a_browser("d1")]


def test_the_device_registered_last_stands_last(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        for age, name in enumerate(["d3", "d1", "d2"]):
            device = a_browser(name, endpoint=name)
            devices.register(tx, device, now=now + timedelta(minutes=age))
        found = devices.reachable(tx, channel=Channel.WEB_PUSH, user_ids=[BOB, ANN, ANN])
        assert [device.device_id for device in found] == ["d3", "d1", "d2"]
        assert devices.reachable(tx, channel=Channel.WEB_PUSH, user_ids=[BOB]) == []


def test_any_number_of_users_can_be_asked_for(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        devices.register(tx, a_browser("d1"), now=now)
        everyone = [UserId(f"u{n}") for n in range(70_000)] + [ANN]
        found = devices.reachable(tx, channel=Channel.WEB_PUSH, user_ids=everyone)
    assert found == [a_browser("d1")]


def test_of_users_who_race_for_one_address_the_last_has_it(state: State, now: datetime) -> None:
    def register(number: int) -> None:
        with state.write(SHOP) as tx:
            devices.register(tx, a_browser(f"d{number}", UserId(f"u{number}")), now=now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(register, range(8)))
    with state.read(TenantId("shop")) as tx:
        (found,) = devices.reachable(tx, channel=Channel.WEB_PUSH)
    assert found.device_id in {f"d{number}" for number in range(8)}


def test_tenants_do_not_see_each_others_devices_and_users(state: State, now: datetime) -> None:
    ours, theirs = a_browser("d1"), replace(a_browser("d1"), platform="chrome")
    with state.write_fleet() as tx:
        for tenant_id, device in ((SHOP, ours), (BANK, theirs)):
            devices.register(tx.of(tenant_id), device, now=now)
        users.opt_out(tx.of(SHOP), ANN, at=now, now=now)
        devices.mark_dead(tx.of(SHOP), DeviceId("d1"), reason="410", now=now)
        devices.register(tx.of(SHOP), a_browser("d2", BOB, endpoint="2"), now=now)
    with state.read(BANK) as tx:
        assert devices.reachable(tx, channel=Channel.WEB_PUSH) == [theirs]
        assert [user.user_id for user in users.everyone(tx)] == [ANN]
        assert users.get(tx, ANN).opted_out_at is None
        with pytest.raises(NotFound):
            devices.get(tx, DeviceId("d2"))


def test_devices_of_few_users_are_found_without_reading_everybodys(state: State) -> None:
    asked = list[tuple[str, object]]()

    def hear(_one: object, _two: object, statement: str, given: object, *_rest: object) -> None:
        asked.append((statement, given))

    sa.event.listen(state.engine, "before_cursor_execute", hear)
    with state.read(TenantId("shop")) as tx:
        devices.reachable(tx, channel=Channel.WEBHOOK, user_ids=[UserId("ann")])
    sa.event.remove(state.engine, "before_cursor_execute", hear)
    if state.engine.dialect.name != "sqlite":
        return  # it knows how many rows a condition leaves
    (statement, given), *_ = [each for each in asked if "FROM device" in each[0]]
    with state.read(TenantId("shop")) as tx:
        plan = str(tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all())
    assert "device_by_user (tenant_id=? AND user_id=?)" in plan
