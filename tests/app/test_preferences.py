"""What users want is obeyed by plans, told in previews, and changes nobody else's plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sendopt.app import App, open_app
from sendopt.app.work import Work
from sendopt.clock import VirtualClock
from sendopt.records import CampaignId, PlannedSend, TenantId, UserId
from sendopt.settings import Settings
from sendopt.state.send_list import SendFilter

START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
NOTHING: dict[str, Any] = {"topics": {}, "quiet_hours": None, "snoozed_until": None}
USERS = ("ann", "bob", "cat", "dan", "eve")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with closing(open_app(Settings(home=tmp_path), clock=VirtualClock(START))) as app:
        app.operator.create_tenant("default", timezone="UTC")
        yield app


@pytest.fixture
def work(app: App) -> Work:
    work = app.as_owner_of(TenantId("default"))
    for user in USERS:
        work.devices.register({"user_id": user, "channel": "simulator", "timezone": "Asia/Tokyo"})
    return work


def a_campaign(**changed: Any) -> dict[str, Any]:
    return {
        "campaign_id": "sale",
        "channel": "simulator",
        "message_type": "promotion",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": (START + timedelta(hours=1)).isoformat(),
            "latest_at": (START + timedelta(hours=8)).isoformat(),
        },
        "quiet_hours": None,
        "fallback_local_time": "22:00",
        "audience": list(USERS),
        **changed,
    }


def sends_of(work: Work, campaign: str) -> dict[str, PlannedSend]:
    page = work.sends.page(SendFilter(campaign_id=CampaignId(campaign)), limit=10)
    return {each.send.user_id: each.send for each in page.items}


def test_a_preview_tells_what_users_do_not_want_and_the_others_keep_their_times(
    work: Work,
) -> None:
    work.campaigns.put(a_campaign(campaign_id="before"), commit=True)
    before = sends_of(work, "before")
    noon_there = START + timedelta(hours=9)
    for user, wanted in (
        ("ann", {"topics": {"promotion": False}}),
        ("bob", {"snoozed_until": noon_there.isoformat()}),
        # 22:00 in Tokyo is 13:00 UTC, and where nothing is known everybody's time.
        ("cat", {"quiet_hours": {"start": "21:00", "end": "23:30"}}),
        ("dan", {"snoozed_until": (START + timedelta(hours=5)).isoformat()}),
    ):
        work.users.prefer(user, {**NOTHING, **wanted})
    report = work.campaigns.put(a_campaign(), commit=True)
    assert report.preview is not None
    assert report.preview.suppressed == {"snoozed": 1, "topic_unwanted": 1}
    after = sends_of(work, "sale")
    assert after["eve"].due_at == before["eve"].due_at == START + timedelta(hours=4)
    assert after["cat"].due_at == START + timedelta(hours=2)  # 20:00, the nearest that is left
    assert after["dan"].due_at == START + timedelta(hours=5)
    assert {user: send.reason for user, send in after.items() if send.due_at is None} == {
        "ann": "topic_unwanted",
        "bob": "snoozed",
    }


def test_who_switches_a_topic_off_after_the_plan_is_not_sent_to(app: App, work: Work) -> None:
    work.campaigns.put(a_campaign(), commit=True)
    work.users.prefer("ann", {**NOTHING, "topics": {"promotion": False}})
    assert isinstance(app.clock, VirtualClock)
    app.clock.advance(timedelta(hours=6))
    seen: list[UserId] = []
    app.rounds.dispatcher(on_simulated=lambda message: seen.append(message.user_id)).dispatch_due()
    assert sorted(seen) == sorted(set(USERS) - {"ann"})
    send = sends_of(work, "sale")["ann"]
    assert (send.state, send.reason) == ("suppressed", "topic_unwanted")
