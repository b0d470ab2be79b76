"""Whom a device was planned for is reached on another one, where that one is gone by then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.deliver import DispatchReport
from sendopt.records import Accepted, Channel, DeadAddress, Device, EndReason, Retry, TenantId
from sendopt.state import audit, devices, plans
from sendopt.state.tables import device, planned_send

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACME = TenantId("acme")
ANN = "autumn-user-0"
PHONE = f"d-{ANN}"
GONE = DeadAddress(EndReason.SUBSCRIPTION_GONE)


def address(number: object) -> dict[str, str]:
    return {"endpoint": f"https://push.example/{number}", "kind": "made up"}


@pytest.fixture
def planned(sends):
    """A send for Ann's phone, on the channel where a user can have several devices."""
    [send_id] = sends.plan(channel=Channel.WEB_PUSH, address=address)
    return send_id


@pytest.fixture
def register(sends):
    def register(device_id, *, user=ANN, at=NOON, where=None, channel=Channel.WEB_PUSH, zone=None):
        said = Device(device_id, user, channel, where or address(device_id), "ios", zone)
        with sends.state.write(ACME) as tx:
            devices.register(tx, said, now=at)

    return register


@pytest.fixture
def serve(dispatcher, scripted):
    """Make a dispatcher whose provider answers by device, and what it was handed."""

    def serve(answers):
        provider = scripted(lambda message, _number: answers[message.device.device_id])
        return dispatcher(provider, channel=Channel.WEB_PUSH), provider

    return serve


def went_to(provider):
    return [message.device.device_id for _, message in provider.handed_over]


def shown(sends, send_id):
    with sends.state.read(ACME) as tx:
        return plans.get_send(tx, send_id)


def forget(sends):
    with sends.state.write(ACME) as tx:
        devices.delete(tx, PHONE)


def bury(sends):
    with sends.state.write(ACME) as tx:
        devices.mark_dead(tx, PHONE, reason="subscription_gone", now=NOON)


def hand_to_bob(sends):
    with sends.state.write(ACME) as tx:
        known = devices.get(tx, PHONE)
        devices.register(
            tx, Device(PHONE, "bob", Channel.WEB_PUSH, known.address), now=NOON + MINUTE
        )


@pytest.mark.parametrize("gone", [forget, bury, hand_to_bob])
def test_the_device_registered_last_takes_the_place_of_one_that_is_gone(
    sends, planned, register, serve, gone
):
    register("first", at=NOON - 2 * MINUTE)
    register("last", at=NOON - MINUTE)
    register("bobs", user="bob")
    register("other-channel", channel=Channel.WEBHOOK, where={"url": "https://a.example"})
    gone(sends)
    made, provider = serve({"last": Accepted()})
    assert made.dispatch_due() == DispatchReport(delivered=1)
    assert went_to(provider) == ["last"]
    assert {message.device.user_id for _, message in provider.handed_over} == {ANN}
    stored = shown(sends, planned)
    assert (stored.send.device_id, stored.handed_over_to) == (PHONE, "last")
    assert [each.device_id for each in stored.attempts] == ["last"]


ALONE = {forget: "no_device", bury: "device_dead", hand_to_bob: "no_device"}


@pytest.mark.parametrize("gone", ALONE)
def test_who_has_no_device_left_is_suppressed(sends, planned, register, serve, gone):
    register("bobs", user="bob")
    register("other-channel", channel=Channel.WEBHOOK, where={"url": "https://a.example"})
    gone(sends)
    made, provider = serve({})
    assert made.dispatch_due() == DispatchReport(suppressed=1)
    assert sends.ends() == {planned: ("suppressed", ALONE[gone])}
    assert provider.handed_over == []


def test_the_device_of_the_plan_is_kept_while_it_lives(sends, planned, register, serve):
    register("newer", at=NOON + MINUTE)
    made, provider = serve({PHONE: Accepted()})
    made.dispatch_due()
    assert went_to(provider) == [PHONE]
    assert shown(sends, planned).handed_over_to == PHONE


def test_a_refused_address_is_followed_by_the_next_one_at_once(
    sends, planned, register, serve, clock
):
    register("older", at=NOON - 2 * MINUTE, zone="Asia/Tokyo")
    register("newer", at=NOON - MINUTE)
    made, provider = serve({PHONE: GONE, "newer": GONE, "older": Accepted()})
    assert made.dispatch_due() == DispatchReport(delivered=1, postponed=2)
    assert clock.now() == NOON
    assert went_to(provider) == [PHONE, "newer", "older"]
    assert {message.send_id for _, message in provider.handed_over} == {planned}
    stored = shown(sends, planned)
    assert stored.handed_over_to == "older"
    assert [(each.device_id, each.outcome) for each in stored.attempts] == [
        (PHONE, "dead_address"),
        ("newer", "dead_address"),
        ("older", "accepted"),
    ]
    [event] = sends.events()
    assert (event["event_type"], event["platform"], event["timezone"]) == (
        "send",
        "ios",
        "Asia/Tokyo",
    )
    dead = {row.device_id for row in sends.rows(device) if row.dead_at is not None}
    assert dead == {PHONE, "newer"}
    with sends.state.read_fleet() as tx:
        assert list(audit.sends(tx)) == []


def test_a_message_bounces_once_no_device_is_left(sends, planned, register, serve):
    register("other", at=NOON - MINUTE)
    made, _ = serve({PHONE: GONE, "other": DeadAddress(EndReason.SUBSCRIPTION_EXPIRED)})
    assert made.dispatch_due() == DispatchReport(failed=1, postponed=1)
    assert sends.ends() == {planned: ("failed", "subscription_expired")}
    assert [each["event_type"] for each in sends.events()] == ["bounce"]
    assert shown(sends, planned).handed_over_to is None


def test_an_installation_that_got_a_new_address_meanwhile_is_tried_there(
    planned, register, dispatcher, scripted, clock
):
    def answer(message, number):
        if number > 1:
            return Accepted()
        clock.advance(timedelta(seconds=1))
        register(PHONE, at=clock.now(), where=address("rotated"))
        return GONE

    provider = scripted(answer)
    made = dispatcher(provider, channel=Channel.WEB_PUSH)
    assert made.dispatch_due() == DispatchReport(delivered=1, postponed=1)
    assert [(message.send_id, message.device.address) for _, message in provider.handed_over] == [
        (planned, address(0)),
        (planned, address("rotated")),
    ]


def test_two_messages_of_one_batch_to_a_device_that_is_gone_both_go_on(
    sends, planned, register, serve
):
    sends.plan(campaign_id="winter", channel=Channel.WEB_PUSH, address=address, users=[ANN])
    register("other", at=NOON - MINUTE)
    made, provider = serve({PHONE: GONE, "other": Accepted()})
    assert made.dispatch_due() == DispatchReport(delivered=2, postponed=2)
    assert went_to(provider) == [PHONE, PHONE, "other", "other"]


def test_devices_that_are_gone_do_not_use_up_the_attempts(sends, planned, register, serve, clock):
    answers = {PHONE: GONE, "lives": Retry("service_failed")}
    for number in range(10):  # more than the attempts that a send has
        register(f"gone-{number}", at=NOON - MINUTE)
        answers[f"gone-{number}"] = GONE
    register("lives", at=NOON - 2 * MINUTE)
    sends.change(planned_send, expires_at=NOON + timedelta(days=2))
    made, provider = serve(answers)
    while ready_at := made.next_ready_at():
        clock.advance_to(max(clock.now(), ready_at))
        made.dispatch_due()
    assert went_to(provider) == [
        PHONE,
        *(f"gone-{number}" for number in reversed(range(10))),
        *["lives"] * 8,
    ]
    assert sends.ends() == {planned: ("failed", "gave_up")}


def test_a_device_whose_clock_of_registration_lies_ahead_is_not_tried_for_ever(
    sends, planned, serve
):
    # The wall clock was set back since it was registered: what the provider says of it counts as
    # older than that.
    sends.change(device, registered_at=NOON + timedelta(days=1))
    made, provider = serve({PHONE: GONE})
    made.dispatch_due()
    assert len(provider.handed_over) == 9
    assert sends.ends() == {planned: ("failed", "gave_up")}


def test_a_device_that_nobody_can_read_is_passed_over(sends, planned, register, serve):
    register("damaged", at=NOON + MINUTE)
    register("whole", at=NOON)
    with sends.state.write_fleet() as tx:
        tx.execute(
            sa.update(device).where(device.c.device_id == "damaged").values(address=["nowhere"])
        )
    forget(sends)
    made, provider = serve({"whole": Accepted()})
    assert made.dispatch_due() == DispatchReport(delivered=1)
    assert went_to(provider) == ["whole"]
