"""What sending and an hour do, over a whole line: kept back by chance, lived through, told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.errors import InvalidInput
from sendopt.records import EventType, TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")
START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
USERS, DAYS = 60, 6
GAIN = 0.4  # of who was sent to, so many more come to see


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def app(home: Path, clock: VirtualClock) -> Iterator[App]:
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        work = app.as_owner_of(TENANT)
        for number in range(USERS):
            device = {"device_id": f"d{number}", "user_id": f"u{number}", "channel": "simulator"}
            work.devices.register({**device, "address": {}})
        yield app


def a_campaign(day: int) -> dict[str, Any]:
    earliest = START + timedelta(days=day, hours=1)
    return {
        "campaign_id": f"day-{day}",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": earliest.isoformat(),
            "latest_at": (earliest + timedelta(hours=10)).isoformat(),
        },
        "quiet_hours": None,
        "audience": "everyone",
        "holdout": None,
    }


def live(app: App, clock: VirtualClock, day: int) -> None:
    """Send one campaign; a fifth come by in the hour after, and more of those who were sent to."""
    work, rng = app.as_owner_of(TENANT), np.random.default_rng(day)
    work.campaigns.put(a_campaign(day), commit=True)
    sent: list[Any] = []
    clock.advance_to(START + timedelta(days=day, hours=9, minutes=1))
    app.rounds.dispatcher(on_simulated=sent.append).dispatch_due()
    reached = {message.user_id for message in sent}
    clock.advance(timedelta(hours=1))
    events = [
        {
            "event_id": f"{day}-{number}",
            "user_id": f"u{number}",
            "event_type": "session",
            "occurred_at": (clock.now() - timedelta(minutes=30)).isoformat(),
            "name": "purchase" if number % 2 else "visit",
        }
        for number in range(USERS)
        if rng.random() < 0.2 + GAIN * (f"u{number}" in reached)
    ]
    work.events.accept(events)
    clock.advance_to(START + timedelta(days=day + 1))


def test_what_sending_does_is_told_by_what_was_kept_back(app: App, clock: VirtualClock) -> None:
    work = app.as_owner_of(TENANT)
    nothing = work.results.effect_of_sending()
    assert nothing.refusal is not None
    assert (nothing.effect, nothing.refusal.code) == (None, "nothing_kept_back")
    work.limits.put({"no_send_share": 0.3, "legal_hours": False})
    for day in range(DAYS):
        live(app, clock, day)
    app.rounds.copy_to_log()
    found = work.results.effect_of_sending(window=timedelta(hours=3))
    assert (found.refusal, found.label) == (None, "causal")
    assert (found.sent + found.kept_back, found.users) == (USERS * DAYS, USERS)
    assert abs(found.kept_back / (USERS * DAYS) - 0.3) < 5 * (0.21 / (USERS * DAYS)) ** 0.5
    assert found.effect is not None
    assert found.effect.low < GAIN < found.effect.high
    assert found.effect.low > 0
    named = work.results.effect_of_sending(window=timedelta(hours=3), name="purchase")
    assert named.effect is not None
    assert 0 < named.effect.estimate < found.effect.estimate
    early = work.results.effect_of_sending(window=timedelta(minutes=1))
    assert early.refusal is not None
    assert (early.effect, early.refusal.code) == (None, "too_few_outcomes")


def test_only_what_can_happen_without_a_message_is_asked_for(app: App) -> None:
    for outcome in (EventType.OPEN, EventType.CLICK, EventType.RESPONSE):
        with pytest.raises(InvalidInput) as refused:
            app.as_owner_of(TENANT).results.effect_of_sending(outcome=outcome)
        assert refused.value.code == "outcome_needs_a_send"


def test_without_randomised_sends_no_hour_has_an_effect(app: App) -> None:
    found = app.as_owner_of(TENANT).results.effect_of_hour()
    assert found.refusal is not None
    assert (found.hours, found.refusal.code) == ((), "no_propensity")
