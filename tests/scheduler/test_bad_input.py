"""What leaves no time, or names nobody, is told by the rule that did it; nothing is half planned.

That all faults are told at once is tried at the doors: tests/api and tests/cli, test_bad_plans.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scheduler.played_service import ADDRESS, PlayedService

from sendopt.deliver.providers import SimulatorProvider
from sendopt.errors import InvalidInput, NotFound
from sendopt.records import CampaignId, UserId
from sendopt.state.send_list import SendFilter

#: In Vienna it is 14:00 by then, an hour less from 25 October on.
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SALE, ANN = CampaignId("sale"), UserId("ann")
#: Ten in the morning to four in the afternoon.
ALL_OF_IT = {"start": "12:00", "end": "22:00"}


@pytest.fixture
def shop(service: PlayedService) -> PlayedService:
    service.begin(NOON, lambda _clock: SimulatorProvider())
    for user in ("ann", "bob"):
        device = {
            "device_id": f"phone-of-{user}",
            "user_id": user,
            "channel": "webhook",
            "address": ADDRESS,
            "timezone": "Europe/Vienna",
        }
        service.owner.devices.register(device)
    return service


def a_campaign(campaign_id: str = SALE, *, hours: float = 6, **said: Any) -> dict[str, Any]:
    return {
        "campaign_id": campaign_id,
        "channel": "webhook",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": NOON.isoformat(),
            "latest_at": (NOON + hours * HOUR).isoformat(),
        },
        "quiet_hours": None,
        "audience": ["ann"],
    } | said


def local(*dates: str, start: str, end: str) -> dict[str, Any]:
    return {"local_dates": list(dates), "local_times": {"start": start, "end": end}}


def limits(**said: Any) -> dict[str, Any]:
    return {"no_send_share": 0, "legal_hours": False} | said


def before(shop: PlayedService) -> None:
    """Let Ann have a message at noon already."""
    shop.owner.campaigns.put(a_campaign("before", hours=0.5), commit=True)


@pytest.mark.parametrize(
    ("said", "limited", "reason", "rule"),
    [
        ({"quiet_hours": ALL_OF_IT}, {}, "no_allowed_slot", "quiet_hours"),
        (
            {
                "candidate_times": {"ann": [(NOON + HOUR).isoformat()]},
                "quiet_hours": {"start": "15:00", "end": "16:00"},
            },
            {},
            "no_allowed_slot",
            "quiet_hours",
        ),
        (
            {"send_window": local("2027-03-28", start="02:15", end="02:45")},
            {},
            "no_allowed_slot",
            "local_window",
        ),
        ({}, {"least_gap": "12h"}, "frequency_cap", "least_gap"),
        ({}, {"caps": [{"at_most": 1, "within": "7d"}]}, "frequency_cap", "frequency_cap"),
        ({}, {"weekly_budget": 1}, "weekly_budget", "weekly_budget"),
        ({"hours": 0.01}, {"capacities": [{"per_minute": 1}]}, "capacity", "capacity"),
    ],
)
def test_who_gets_no_time_is_told_the_rule_that_took_the_last(
    shop: PlayedService, said: dict[str, Any], limited: dict[str, Any], reason: str, rule: str
) -> None:
    if limited:
        shop.owner.limits.put(limits(**limited))
        before(shop)
    report = shop.owner.campaigns.put(a_campaign(**said), commit=True)
    assert report.preview is not None
    assert report.preview.suppressed == {reason: 1}
    page = shop.owner.sends.page(SendFilter(campaign_id=SALE), limit=10)
    [send_id] = [each.send.send_id for each in page.items]
    shown = shop.owner.sends.get(send_id)
    assert (shown["state"], shown["reason"]) == ("suppressed", reason)
    assert shown["decision"].binding_constraint == rule
    reach = shop.owner.campaigns.reach(SALE, ANN)
    assert rule in " ".join(reach.text)


@pytest.mark.parametrize(
    ("wants", "reason", "rule"),
    [
        ({"quiet_hours": ALL_OF_IT}, "no_allowed_slot", "quiet_hours_own"),
        ({"snoozed_until": (NOON + 9 * HOUR).isoformat()}, "snoozed", None),
        ({"topics": {"promotion": False}}, "topic_unwanted", None),
    ],
)
def test_what_users_want_is_told_as_their_own(
    shop: PlayedService, wants: dict[str, Any], reason: str, rule: str | None
) -> None:
    nothing = {"topics": {}, "quiet_hours": None, "snoozed_until": None}
    shop.owner.users.prefer("ann", nothing | wants)
    definition = a_campaign(message_type="promotion")
    report = shop.owner.campaigns.put(definition, commit=True)
    assert report.preview is not None
    assert report.preview.suppressed == {reason: 1}
    assert (rule or reason) in " ".join(shop.owner.campaigns.reach(SALE, ANN).text)


def test_a_message_that_is_owed_waits_for_its_window_and_does_not_outlive_it(
    shop: PlayedService,
) -> None:
    """It is two in the afternoon, between two mornings; and then the last of them is over."""
    mornings = local("2026-10-01", "2026-10-02", start="08:00", end="12:00")
    owed = a_campaign(message_class="transactional", send_window=mornings, audience="everyone")
    report = shop.owner.campaigns.put(owed, commit=True)
    assert report.counts["planned"] == 2
    assert {send.due_at for send in sends(shop)} == {datetime(2026, 10, 2, 6, tzinfo=UTC)}
    shop.clock.advance(48 * HOUR)
    late = {"user_id": "late", "channel": "webhook", "address": ADDRESS}
    shop.owner.devices.register(late)
    shop.owner.campaigns.commit(SALE)
    assert {send.user_id: send.reason for send in sends(shop)}["late"] == "no_allowed_slot"
    assert "past" in " ".join(shop.owner.campaigns.reach(SALE, UserId("late")).text)


def test_who_is_named_twice_is_refused_and_who_is_unknown_is_told(shop: PlayedService) -> None:
    with pytest.raises(InvalidInput) as refusal:
        shop.owner.campaigns.put(a_campaign(audience=["ann", "bob", "ann"]), commit=True)
    assert (refusal.value.code, refusal.value.field) == ("duplicate_id", "/audience")
    with pytest.raises(NotFound):
        shop.owner.campaigns.get(SALE)
    report = shop.owner.campaigns.put(a_campaign(audience=["ann", "anm", "bbo"]), commit=True)
    assert report.preview is not None
    assert report.preview.suppressed == {"user_unknown": 2}
    assert {"anm", "bbo"} == set(report.preview.unknown_users)


def test_a_local_time_that_comes_twice_is_in_the_window_twice(shop: PlayedService) -> None:
    """In Vienna it is 02:15 twice on 25 October: an hour of summer, and an hour later."""
    twice = local("2026-10-25", start="02:15", end="02:45")
    shop.owner.campaigns.put(a_campaign(send_window=twice, slot_minutes=15), commit=True)
    [send] = sends(shop)
    slots = [slot.starts_at for slot in shop.owner.sends.get(send.send_id)["decision"].slots]
    summer = datetime(2026, 10, 25, 0, 15, tzinfo=UTC)
    quarter = HOUR / 4
    assert slots == [summer, summer + quarter, summer + HOUR, summer + HOUR + quarter]


@pytest.mark.parametrize(
    ("asked", "at"),
    [
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # the first of two
        ("2027-03-28T02:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),  # skipped: it is 03:30
    ],
)
def test_a_local_time_of_a_trigger_is_always_one_instant(
    shop: PlayedService, asked: str, at: datetime
) -> None:
    window = {"earliest_at": NOON.isoformat(), "latest_at": (NOON + 24 * 300 * HOUR).isoformat()}
    shop.owner.campaigns.put(a_campaign(audience="triggered", send_window=window), commit=True)
    body = {"campaign_id": SALE, "user_id": "ann", "send_key": "k", "not_before": {"local": asked}}
    assert shop.owner.sends.ask(body).send.due_at == at


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"not_after": NOON.isoformat()}, "no_feasible_slot", "/not_after"),
        ({"not_after": (NOON - HOUR).isoformat()}, "no_feasible_slot", "/not_after"),
        ({"not_before": {"local": "2027-12-01T08:00"}}, "no_feasible_slot", "/not_before"),
        ({"within_minutes": 30}, "no_feasible_slot", None),
    ],
)
def test_a_trigger_without_a_time_stores_nothing_and_names_the_rule(
    shop: PlayedService, asked: dict[str, Any], code: str, field: str | None
) -> None:
    window = {"earliest_at": NOON.isoformat(), "latest_at": (NOON + 24 * 300 * HOUR).isoformat()}
    definition = a_campaign(audience="triggered", send_window=window, quiet_hours=ALL_OF_IT)
    shop.owner.campaigns.put(definition, commit=True)
    body = {"campaign_id": SALE, "user_id": "ann", "send_key": "k"}
    with pytest.raises(InvalidInput) as refusal:
        shop.owner.sends.ask(body | asked)
    assert refusal.value.code == code
    if field is None:
        assert "quiet_hours" in refusal.value.message
    else:
        assert refusal.value.field == field
    assert sends(shop) == []


def test_a_zone_that_is_none_names_no_time(shop: PlayedService) -> None:
    window = {"earliest_at": NOON.isoformat(), "latest_at": (NOON + 24 * 300 * HOUR).isoformat()}
    shop.owner.campaigns.put(a_campaign(audience="triggered", send_window=window), commit=True)
    for zone in ("CST", "Etc/Unknown", "+02:00", "Mars/Phobos", ""):
        moment = {"local": "2026-10-02T08:00", "timezone": zone}
        body = {"campaign_id": SALE, "user_id": "ann", "send_key": "k", "not_before": moment}
        with pytest.raises(InvalidInput) as refusal:
            shop.owner.sends.ask(body)
        assert refusal.value.field == "/not_before/timezone"
        with pytest.raises(InvalidInput) as refusal:
            shop.owner.users.put("ann", {"timezone": zone})
        assert refusal.value.field == "/timezone"
    assert sends(shop) == []


def test_of_campaigns_planned_together_none_is_planned_if_one_cannot_be(
    shop: PlayedService,
) -> None:
    for name, hours in (("first", 6), ("over", 1)):
        shop.owner.campaigns.put(a_campaign(name, hours=hours), commit=False)
    shop.clock.advance(2 * HOUR)
    with pytest.raises(InvalidInput) as refusal:
        shop.owner.plans.commit({"campaign_ids": ["first", "over"]})
    assert refusal.value.code == "no_feasible_slot"
    assert sends(shop) == []
    assert shop.owner.campaigns.get("first").committed_at is None


def sends(shop: PlayedService) -> list[Any]:
    return [each.send for each in shop.owner.sends.page(SendFilter(), limit=100).items]
