"""The hours of the law where users live, in plans and for sends that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sendopt.app import App, open_app
from sendopt.app.work import Work
from sendopt.clock import VirtualClock, zone_of
from sendopt.errors import InvalidInput
from sendopt.records import CampaignId, Channel, Exclusion, MessageClass, TenantId, UserId
from sendopt.rules import legal_quiet
from sendopt.settings import Settings
from sendopt.state.send_list import SendFilter

HOUR = timedelta(hours=1)
TENANT = TenantId("default")
#: Two evenings in Seoul begin at noon, and one of them is the night of a clock change elsewhere.
STARTS = [datetime(2026, month, day, 9, tzinfo=UTC) for month, day in ((10, 24), (3, 28), (3, 7))]
LIVES = {
    "seoul": "Asia/Seoul",
    "paris": "Europe/Paris",
    "york": "America/New_York",
    "tokyo": "Asia/Tokyo",
    "nowhere": None,
}
LAWFUL = {"no_send_share": 0, "legal_hours": True}


@pytest.fixture(params=STARTS, ids=str)
def clock(request: pytest.FixtureRequest) -> VirtualClock:
    return VirtualClock(request.param)


@pytest.fixture
def work(home: Path, clock: VirtualClock) -> Iterator[Work]:
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        yield settled(app)


def settled(app: App) -> Work:
    work = app.as_owner_of(TENANT)
    for user, zone in LIVES.items():
        where = {} if zone is None else {"timezone": zone}
        work.devices.register({"user_id": user, "channel": "simulator", **where})
    work.limits.put(LAWFUL)
    return work


def a_campaign(clock: VirtualClock, **changes: Any) -> dict[str, Any]:
    return {
        "campaign_id": "autumn",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": clock.now().isoformat(),
            "latest_at": (clock.now() + 48 * HOUR).isoformat(),
        },
        "fallback_local_time": "22:30",
        "quiet_hours": None,
        "audience": "everyone",
    } | changes


def due(work: Work) -> dict[str, tuple[datetime, Any]]:
    sends = work.sends.page(SendFilter(), limit=500).items
    return {
        each.send.user_id: (each.send.due_at, work.sends.get(each.send.send_id)["decision"])
        for each in sends
    }


def test_nobody_is_planned_for_when_the_law_where_they_live_forbids_it(
    work: Work, clock: VirtualClock
) -> None:
    work.campaigns.put(a_campaign(clock), commit=True)
    found = due(work)
    assert set(found) == set(LIVES)
    for user, (at, decision) in found.items():
        zone = LIVES[user]
        law = legal_quiet(zone or "UTC", MessageClass.MARKETING, Channel.SIMULATOR)
        excluded = {slot.excluded_by for slot in decision.slots}
        if law is None:
            assert excluded == {None}
            continue
        assert at is not None
        assert not law.forbid(at, zone_of(zone))
        assert Exclusion.LEGAL_HOURS in excluded
        assert [law.forbid(slot.starts_at, zone_of(zone)) for slot in decision.slots] == [
            slot.excluded_by is Exclusion.LEGAL_HOURS for slot in decision.slots
        ]


@pytest.mark.parametrize("message_class", ["transactional", "urgent"])
def test_what_is_owed_is_under_no_law(work: Work, clock: VirtualClock, message_class: str) -> None:
    work.campaigns.put(a_campaign(clock, message_class=message_class), commit=True)
    for _, decision in due(work).values():
        assert {slot.excluded_by for slot in decision.slots} == {None}


def test_a_tenant_that_says_no_is_asked_by_no_law(work: Work, clock: VirtualClock) -> None:
    work.limits.put(LAWFUL | {"legal_hours": False})
    work.campaigns.put(a_campaign(clock), commit=True)
    for _, decision in due(work).values():
        assert {slot.excluded_by for slot in decision.slots} == {None}


def test_a_send_that_is_asked_for_waits_for_the_law(work: Work, clock: VirtualClock) -> None:
    work.campaigns.put(a_campaign(clock, campaign_id="reminder", audience="triggered"), commit=True)
    clock.advance(5 * HOUR)  # 23:00 in Seoul
    answers = {
        user: work.sends.ask({"campaign_id": "reminder", "user_id": user, "send_key": user})
        for user in ("seoul", "tokyo")
    }
    assert {user: answer.send.due_at - clock.now() for user, answer in answers.items()} == {
        "seoul": 9 * HOUR,
        "tokyo": 0 * HOUR,
    }
    with pytest.raises(InvalidInput) as refused:
        work.sends.ask(
            {
                "campaign_id": "reminder",
                "user_id": "seoul",
                "send_key": "l",
                "not_after": (clock.now() + HOUR).isoformat(),
            }
        )
    assert refused.value.code == "no_feasible_slot"
    assert "the law where the user lives (legal_hours)" in refused.value.message


def test_why_not_names_the_law(work: Work, clock: VirtualClock) -> None:
    window = {
        "earliest_at": (clock.now() + 4 * HOUR).isoformat(),
        "latest_at": (clock.now() + 6 * HOUR).isoformat(),
    }
    campaign = a_campaign(clock, send_window=window)
    work.campaigns.put(campaign, commit=False)
    assert work.campaigns.preview(campaign).suppressed == {"no_allowed_slot": 1}
    reach = work.campaigns.reach(CampaignId("autumn"), UserId("seoul"))
    assert reach.excluded == {"legal_hours": reach.slot_count}
