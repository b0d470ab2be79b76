"""A campaign as a growth engineer writes it, planned, committed and carried out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from said import scored_as

from sendopt import schedule
from sendopt.deliver import DispatchReport
from sendopt.deliver.providers import SimulatorProvider
from sendopt.records import Channel, Device, FallbackReason, Score
from sendopt.schedule import AudienceMember, Forecast
from sendopt.state import campaigns, devices, plans, tenants

DEFINITION = {
    "campaign_id": "autumn-sale",
    "channel": "simulator",
    "variants": [
        {
            "variant_id": "plain",
            "title": "Sale",
            "body": "Half price",
            "url": "https://shop.example/autumn",
        }
    ],
    "send_window": {"earliest_at": "2026-10-01T12:00:00Z", "latest_at": "2026-10-03T12:00:00Z"},
    "audience": "everyone",
    "quiet_hours": {"start": "22:00", "end": "08:00"},
    "message_type": "promotion",
    "time_to_live_minutes": 720,
}
DAY = timedelta(days=1)
ZONES = ["Europe/Berlin", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati"]


def test_every_planned_user_gets_one_message_at_the_chosen_time(
    state, sends, dispatcher, scripted, clock
):
    now = datetime(2026, 10, 1, 12, tzinfo=UTC)
    campaign = schedule.parse_campaign(DEFINITION, now=now)
    people = [
        AudienceMember(
            f"u{n}", Device(f"d{n}", f"u{n}", Channel.SIMULATOR, {}), ZONES[n % 4], "device"
        )
        for n in range(40)
    ]
    with state.write_fleet() as tx:
        tenants.create(tx, "acme", timezone="UTC", now=now)
        for person in people:
            devices.register(tx.of("acme"), person.device, now=now)
        definition, rules = json.loads(json.dumps([DEFINITION, schedule.rules_of(campaign)]))
        campaigns.put_campaign(tx.of("acme"), campaign, definition, rules=rules, now=now)
        plan = schedule.plan(
            campaign,
            "acme",
            people,
            Forecast(
                scored_as(campaign, people, {}, now=now),
                model_version=None,
                log_snapshot=None,
                fallback_reason=FallbackReason.NO_CHAMPION,
            ),
        )
        plans.commit(tx.of("acme"), plan, now=now)

    seen = []
    made = dispatcher(SimulatorProvider(lambda message: seen.append((clock.now(), message))))
    total = DispatchReport()
    while ready_at := made.next_ready_at():
        clock.advance_to(ready_at)
        total += made.dispatch_due()

    assert total == DispatchReport(delivered=40)
    zones = {person.user_id: ZoneInfo(person.timezone) for person in people}
    assert {message.user_id for _, message in seen} == set(zones)
    for at, message in seen:
        assert at == message.due_at
        assert at.astimezone(zones[message.user_id]).hour == 18  # the fallback time
    assert {event["message_type"] for event in sends.events()} == {"promotion"}
    assert {event["propensity"] for event in sends.events()} == {1.0}


@pytest.mark.parametrize(
    "where",
    [
        {"timezone": "Asia/Tokyo", "timezone_source": "device"},
        {"timezone": "Etc/GMT-8", "timezone_source": "inferred", "quiet_offsets": (9 * 60,)},
    ],
)
def test_a_dispatcher_that_comes_at_night_waits_for_the_morning(
    state, sends, dispatcher, clock, where
):
    now = datetime(2026, 10, 1, 12, tzinfo=UTC)
    campaign = replace(schedule.parse_campaign(DEFINITION, now=now), time_to_live=DAY)
    nine_in_the_evening = datetime(2026, 10, 2, 12, tzinfo=UTC)
    tokyo = AudienceMember("u1", Device("d1", "u1", Channel.SIMULATOR, {}), **where)
    with state.write_fleet() as tx:
        tenants.create(tx, "acme", timezone="UTC", now=now)
        devices.register(tx.of("acme"), tokyo.device, now=now)
        campaigns.put_campaign(tx.of("acme"), campaign, DEFINITION, rules={"version": 1}, now=now)
        plan = schedule.plan(
            campaign,
            "acme",
            [tokyo],
            Forecast(
                scored_as(campaign, [tokyo], {"u1": {nine_in_the_evening: Score(0.9)}}, now=now),
                model_version="1",
                log_snapshot=1,
                fallback_reason=None,
            ),
        )
        plans.commit(tx.of("acme"), plan, now=now)
    seen = []
    made = dispatcher(SimulatorProvider(lambda _message: seen.append(clock.now())))
    due_at = made.next_ready_at()
    assert due_at == datetime(2026, 10, 2, 12, tzinfo=UTC)
    clock.advance_to(due_at + timedelta(hours=1))  # 22:00
    assert made.dispatch_due() == DispatchReport(postponed=1)
    clock.advance_to(made.next_ready_at())
    made.dispatch_due()
    hours = 23 if where["timezone_source"] == "device" else 24  # 08:00, where it is later
    assert seen == [datetime(2026, 10, 2, tzinfo=UTC) + timedelta(hours=hours)]
