"""What a dispatcher makes of due sends, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta

import pytest

from sendopt.deliver import DispatchReport
from sendopt.deliver.providers import SimulatorProvider
from sendopt.records import (
    Accepted,
    DeadAddress,
    Permanent,
    Preferences,
    QuietHours,
    Retry,
    TenantId,
    UserId,
)
from sendopt.state import preferences
from sendopt.state.tables import (
    app_user,
    attempt,
    decision,
    device,
    event_outbox,
    link,
    planned_send,
)
from sendopt.state.tables_campaigns import campaign, variant
from sendopt.state.tables_people import preference

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


def test_a_due_send_is_handed_over_once_with_its_content_and_link(sends, dispatcher, clock):
    [send_id] = sends.plan()
    seen = []
    made = dispatcher(SimulatorProvider(seen.append))

    assert made.dispatch_due() == DispatchReport(delivered=1)
    assert made.dispatch_due() == DispatchReport()

    [message] = seen
    [row] = sends.rows(link)
    assert (row.send_id, row.destination) == (send_id, "https://shop.example/sale")
    assert len(row.link_id) == 22  # 128 bits
    assert message.click_url == f"https://go.example/t/{row.link_id}"
    assert (message.variant.title, message.variant.body) == ("Sale", "Today only ☂")
    stored = sends.row(send_id)
    assert (stored.state, stored.reason) == ("delivered", "accepted")
    assert (stored.handed_over_at, stored.claimed_by) == (clock.now(), None)
    assert sends.attempts(send_id) == [(1, "accepted", None)]


def test_the_send_event_carries_what_learning_needs(sends, dispatcher, clock):
    [send_id] = sends.plan()
    dispatcher(SimulatorProvider()).dispatch_due()
    assert sends.events() == [
        {
            "event_id": f"{send_id}:send",
            "event_type": "send",
            "user_id": "autumn-user-0",
            "occurred_at": clock.now().isoformat(timespec="microseconds"),
            "send_id": send_id,
            "campaign_id": "autumn",
            "variant_id": "a",
            "message_type": "promotion",
            "channel": "simulator",
            "platform": "web",
            "timezone": "UTC",
            "propensity": 0.25,
        }
    ]


def test_a_variant_without_a_url_gets_no_link(sends, dispatcher):
    sends.plan(url=None)
    seen = []
    dispatcher(SimulatorProvider(seen.append)).dispatch_due()
    assert seen[0].click_url is None
    assert sends.rows(link) == []


def test_nothing_is_sent_before_its_time(sends, dispatcher, clock):
    sends.plan(due_at=lambda _number: clock.now() + timedelta(microseconds=1))
    made = dispatcher(SimulatorProvider())
    assert made.dispatch_due() == DispatchReport()
    assert made.next_ready_at() == clock.now() + timedelta(microseconds=1)
    clock.advance(timedelta(microseconds=1))
    assert made.dispatch_due() == DispatchReport(delivered=1)
    assert made.next_ready_at() is None


@pytest.mark.parametrize(
    ("table", "values", "end"),
    [
        (app_user, {"opted_out_at": NOON}, ("suppressed", "opted_out")),
        (device, {"dead_at": NOON}, ("suppressed", "device_dead")),
        (device, {"channel": "webhook"}, ("suppressed", "no_device")),
        (device, {"user_id": "bob"}, ("suppressed", "no_device")),
        (campaign, {"cancelled_at": NOON}, ("cancelled", "campaign_cancelled")),
        (variant, {"variant_id": "other"}, ("failed", "record_missing")),
        (decision, {"send_id": "other"}, ("failed", "record_missing")),
        (campaign, {"campaign_id": "other"}, ("failed", "record_missing")),
    ],
    ids=[
        "opted_out",
        "device_dead",
        "no_device",
        "device_taken_over",
        "cancelled",
        "content_lost",
        "decision_lost",
        "campaign_lost",
    ],
)
def test_what_changed_after_planning_keeps_a_send_from_going_out(
    sends, dispatcher, table, values, end
):
    [send_id] = sends.plan()
    sends.change(table, **values)
    seen = []
    report = dispatcher(SimulatorProvider(seen.append)).dispatch_due()
    assert seen == []
    assert report == DispatchReport(**{end[0]: 1})
    assert sends.ends() == {send_id: end}
    assert sends.events() == []


def test_a_send_that_nobody_came_to_in_time_expires(sends, dispatcher, clock):
    [send_id] = sends.plan(time_to_live=timedelta(minutes=5))
    clock.advance(timedelta(minutes=5))
    seen = []
    assert dispatcher(SimulatorProvider(seen.append)).dispatch_due() == DispatchReport(expired=1)
    assert seen == []
    assert sends.ends() == {send_id: ("expired", "too_late")}


def test_a_channel_without_a_provider_waits_and_then_expires(sends, dispatcher, clock):
    [send_id] = sends.plan(channel="webhook", time_to_live=timedelta(minutes=5))
    made = dispatcher(SimulatorProvider())
    assert made.dispatch_due() == DispatchReport()
    assert made.next_ready_at() is None
    clock.advance(timedelta(minutes=5))
    assert made.dispatch_due() == DispatchReport(expired=1)
    assert sends.ends() == {send_id: ("expired", "too_late")}


def test_a_retry_keeps_its_link_and_waits_as_long_as_it_was_told(
    sends, dispatcher, scripted, clock
):
    [send_id] = sends.plan()
    provider = scripted(
        lambda _message, number: (
            Retry("throttled", timedelta(minutes=3)) if number == 1 else Accepted()
        )
    )
    made = dispatcher(provider)
    assert made.dispatch_due() == DispatchReport(postponed=1)
    assert sends.ends() == {send_id: ("planned", None)}
    again_at = made.next_ready_at()
    assert timedelta(minutes=3) < again_at - clock.now() <= timedelta(minutes=3, seconds=10)

    clock.advance_to(again_at)
    assert made.dispatch_due() == DispatchReport(delivered=1)
    first, second = (message for _, message in provider.handed_over)
    assert first == second
    assert sends.attempts(send_id) == [(1, "retry", "throttled"), (2, "accepted", None)]
    assert len(sends.rows(link)) == 1


def test_the_log_learns_how_chance_had_its_part(sends, dispatcher):
    sends.plan()
    sends.change(planned_send, arm="holdout")
    sends.change(decision, variant_propensity=0.75)
    dispatcher(SimulatorProvider()).dispatch_due()
    [event] = sends.events()
    assert (event["event_type"], event["propensity"]) == ("send", 0.25)
    assert event["attributes"] == {"arm": "holdout", "variant_propensity": 0.75}


def test_a_dead_address_ends_the_send_and_forgets_the_device(sends, dispatcher, scripted):
    [send_id] = sends.plan()
    made = dispatcher(scripted(lambda _message, _number: DeadAddress("subscription_gone")))
    assert made.dispatch_due() == DispatchReport(failed=1)
    assert sends.ends() == {send_id: ("failed", "subscription_gone")}
    [row] = sends.rows(device)
    assert row.dead_reason == "subscription_gone"
    [event] = sends.events()
    assert (event["event_id"], event["event_type"]) == (f"{send_id}:bounce", "bounce")
    assert event["attributes"] == {"reason": "subscription_gone"}


def test_a_device_that_came_back_while_its_old_address_was_refused_lives_on(
    sends, dispatcher, scripted, clock
):
    sends.plan()

    def refuse(_message, _number):
        clock.advance(timedelta(seconds=1))
        sends.change(device, registered_at=clock.now(), address={"new": "address"})
        return DeadAddress("subscription_gone")

    dispatcher(scripted(refuse)).dispatch_due()
    assert sends.rows(device)[0].dead_at is None


def test_a_permanent_refusal_ends_the_send_and_keeps_the_device(sends, dispatcher, scripted):
    [send_id] = sends.plan()
    made = dispatcher(scripted(lambda _message, _number: Permanent("payload_too_large")))
    made.dispatch_due()
    assert sends.ends() == {send_id: ("failed", "payload_too_large")}
    assert sends.rows(device)[0].dead_at is None


def test_one_bad_address_does_not_concern_the_others(sends, dispatcher, scripted):
    sends.plan(3)
    made = dispatcher(
        scripted(
            lambda message, _number: (
                DeadAddress("gone") if message.send_id == "s-autumn-1" else Accepted()
            )
        )
    )
    assert made.dispatch_due() == DispatchReport(delivered=2, failed=1)


def test_after_the_last_attempt_it_gives_up(sends, dispatcher, scripted, clock):
    [send_id] = sends.plan(time_to_live=timedelta(days=2))
    provider = scripted(lambda _message, _number: Retry("service_failed"))
    made = dispatcher(provider)
    while ready_at := made.next_ready_at():
        clock.advance_to(ready_at)
        made.dispatch_due()
    assert sends.ends() == {send_id: ("failed", "gave_up")}
    assert len(provider.handed_over) == 8
    assert [number for number, _, _ in sends.attempts(send_id)] == list(range(1, 9))


def test_a_retry_after_the_expiry_is_not_waited_for(sends, dispatcher, scripted):
    [send_id] = sends.plan(time_to_live=timedelta(hours=1))
    made = dispatcher(scripted(lambda _message, _number: Retry("throttled", timedelta(hours=1))))
    assert made.dispatch_due() == DispatchReport(expired=1)
    assert sends.ends() == {send_id: ("expired", "no_time_to_retry")}


def test_a_late_send_moves_out_of_quiet_hours(sends, dispatcher, clock):
    # 12:00 UTC is 21:00 in Tokyo; the dispatcher comes an hour late, when it is quiet there.
    [send_id] = sends.plan(
        timezone="Asia/Tokyo",
        quiet_hours={"start": "22:00", "end": "07:00"},
        time_to_live=timedelta(hours=12),
    )
    seen = []
    made = dispatcher(SimulatorProvider(seen.append))
    clock.advance(timedelta(hours=1))
    assert made.dispatch_due() == DispatchReport(postponed=1)
    assert seen == []
    assert sends.attempts(send_id) == []
    clock.advance_to(made.next_ready_at())
    assert clock.now().hour == 22  # UTC: 07:00 in Tokyo
    assert made.dispatch_due() == DispatchReport(delivered=1)


def test_nothing_is_left_with_a_push_service_until_it_is_quiet(sends, dispatcher, clock):
    # 12:00 UTC is 21:00 in Tokyo: a phone that is switched on at midnight stays silent.
    quiet_hours = {"start": "22:00", "end": "07:00"}
    lasting = timedelta(hours=12)
    sends.plan(timezone="Asia/Tokyo", quiet_hours=quiet_hours, time_to_live=lasting)
    seen = []
    assert dispatcher(SimulatorProvider(seen.append)).dispatch_due() == DispatchReport(delivered=1)
    assert [message.expires_at for message in seen] == [clock.now() + timedelta(hours=1)]


@pytest.mark.parametrize("told_by", [device, app_user])
def test_who_has_travelled_since_is_not_woken_there(sends, dispatcher, clock, told_by):
    # Planned for noon in London, where the user was; now they are in Tokyo, an hour before night.
    quiet_hours = {"start": "22:00", "end": "07:00"}
    [send_id] = sends.plan(
        timezone="Europe/London", quiet_hours=quiet_hours, time_to_live=timedelta(hours=12)
    )
    sends.change(told_by, timezone="Asia/Tokyo")
    clock.advance(timedelta(hours=1))
    seen = []
    made = dispatcher(SimulatorProvider(seen.append))
    assert made.dispatch_due() == DispatchReport(postponed=1)
    clock.advance_to(made.next_ready_at())
    assert clock.now() == NOON + timedelta(hours=10)  # 07:00 in Tokyo
    assert made.dispatch_due() == DispatchReport(delivered=1)
    assert sends.ends() == {send_id: ("delivered", "accepted")}


def test_a_zone_that_nobody_knows_moves_nobody(sends, dispatcher, clock):
    quiet_hours = {"start": "22:00", "end": "07:00"}
    sends.plan(timezone="Asia/Tokyo", quiet_hours=quiet_hours, time_to_live=timedelta(hours=12))
    sends.change(device, timezone="Mars/Phobos")
    clock.advance(timedelta(hours=1))
    made = dispatcher(SimulatorProvider())
    assert made.dispatch_due() == DispatchReport(postponed=1)


@pytest.mark.parametrize("outcome", [None, Retry("throttled", timedelta(hours=2))])
def test_a_send_that_could_only_wake_its_user_expires(sends, dispatcher, scripted, clock, outcome):
    [send_id] = sends.plan(
        timezone="Asia/Tokyo",
        quiet_hours={"start": "22:00", "end": "07:00"},
        time_to_live=timedelta(hours=4),
    )
    if outcome is None:
        clock.advance(timedelta(hours=1))
    made = dispatcher(scripted(lambda _message, _number: outcome))
    assert made.dispatch_due() == DispatchReport(expired=1)
    assert sends.ends() == {send_id: ("expired", "quiet_hours")}


def test_batches_go_out_in_the_order_of_their_times(sends, dispatcher, scripted, clock):
    start = clock.now()
    sends.plan(50, due_at=lambda number: start + timedelta(seconds=number * 7919 % 50))
    clock.advance(timedelta(minutes=1))
    provider = scripted(lambda _message, _number: Accepted())
    assert dispatcher(provider, batch=7).dispatch_due() == DispatchReport(delivered=50)
    due = [message.due_at for _, message in provider.handed_over]
    assert due == sorted(due)


def test_tenants_with_the_same_campaign_do_not_mix(sends, dispatcher, scripted):
    sends.plan(tenant_id="acme")
    sends.plan(tenant_id="bolt", url="https://bolt.example/")
    provider = scripted(
        lambda message, _number: Accepted() if message.tenant_id == "acme" else DeadAddress("gone")
    )
    assert dispatcher(provider).dispatch_due() == DispatchReport(delivered=1, failed=1)
    assert {(row.tenant_id, row.state) for row in sends.rows()} == {
        ("acme", "delivered"),
        ("bolt", "failed"),
    }
    assert {(row.tenant_id, row.dead_at is None) for row in sends.rows(device)} == {
        ("acme", True),
        ("bolt", False),
    }
    assert {row.tenant_id for row in sends.rows(attempt)} == {"acme", "bolt"}


def test_every_tenant_of_a_batch_learns_of_its_own_sends(sends, dispatcher):
    for tenant in ("acme", "bolt", "cord"):
        sends.plan(tenant_id=tenant)
    assert dispatcher(SimulatorProvider()).dispatch_batch() == DispatchReport(delivered=3)
    told = [(row.tenant_id, row.event["send_id"]) for row in sends.rows(event_outbox)]
    assert sorted(told) == sorted((row.tenant_id, row.send_id) for row in sends.rows())


def test_a_turn_says_when_the_next_one_is_due(sends, dispatcher, scripted, clock):
    start = clock.now()
    planned = sends.plan(20, due_at=lambda number: start + timedelta(seconds=3 * number))
    stop = threading.Event()

    def answer(message, _number):
        if message.send_id == planned[-1]:
            stop.set()
        return Accepted()

    provider = scripted(answer)
    dispatching = dispatcher(provider)
    while not stop.is_set():
        clock.wait(stop, clock.now() + dispatching.turn())
    assert [at for at, _ in provider.handed_over] == [
        start + timedelta(seconds=3 * number) for number in range(20)
    ]


ANN = UserId("autumn-user-0")


@pytest.mark.parametrize(
    ("wanted", "end"),
    [
        (Preferences({"promotion": False}), ("suppressed", "topic_unwanted")),
        (Preferences(snoozed_until=NOON + timedelta(hours=4)), ("suppressed", "snoozed")),
        (Preferences({"promotion": True, "news": False}), ("delivered", "accepted")),
    ],
)
def test_what_a_user_wants_by_now_decides(sends, dispatcher, wanted, end):
    [send_id] = sends.plan()
    with sends.state.write(TenantId("acme")) as tx:
        preferences.put(tx, ANN, wanted, now=NOON)
    dispatcher(SimulatorProvider()).dispatch_due()
    assert sends.ends() == {send_id: end}


@pytest.mark.parametrize(
    ("wanted", "allowed_at"),
    [
        (Preferences(snoozed_until=NOON + timedelta(minutes=90)), NOON + timedelta(minutes=90)),
        (Preferences(quiet_hours=QuietHours(time(11), time(14))), NOON + timedelta(hours=2)),
    ],
)
def test_a_send_waits_for_as_long_as_its_user_wants(sends, dispatcher, clock, wanted, allowed_at):
    [send_id] = sends.plan()
    with sends.state.write(TenantId("acme")) as tx:
        preferences.put(tx, ANN, wanted, now=NOON)
    made = dispatcher(SimulatorProvider())
    assert made.dispatch_due() == DispatchReport(postponed=1)
    assert made.next_ready_at() == allowed_at
    clock.advance_to(allowed_at)
    made.dispatch_due()
    assert sends.ends() == {send_id: ("delivered", "accepted")}


def test_preferences_that_nobody_can_read_send_nothing(sends, dispatcher):
    [send_id] = sends.plan()
    with sends.state.write(TenantId("acme")) as tx:
        preferences.put(tx, ANN, Preferences({"news": False}), now=NOON)
    sends.change(preference, topics=["news"])
    dispatcher(SimulatorProvider()).dispatch_due()
    assert sends.ends() == {send_id: ("failed", "record_damaged")}
