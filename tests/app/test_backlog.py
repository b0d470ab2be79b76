"""What waits, counted over the real stores."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sendopt.app import App
from sendopt.clock import VirtualClock
from sendopt.records import SendState, TenantId
from sendopt.settings import Settings

SHOP, OTHER = TenantId("shop"), TenantId("other")
USERS = ["ann", "bob", "cleo"]
DUE_AT = datetime(2026, 10, 2, 18, tzinfo=UTC)
CAMPAIGN = {
    "campaign_id": "autumn",
    "channel": "simulator",
    "variants": [{"variant_id": "v", "title": "Autumn", "body": "Sale"}],
    "send_window": {"earliest_at": "2026-10-02T00:00:00Z", "latest_at": "2026-10-03T00:00:00Z"},
    "audience": [*USERS, "without device"],
    "quiet_hours": None,
}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 10, 1, 9, tzinfo=UTC))


@pytest.fixture
def app(home: Path, clock: VirtualClock) -> Iterator[App]:
    with closing(App(Settings(home=home), clock, secrets.token_bytes)) as app:
        for tenant_id in (SHOP, OTHER):
            app.operator.create_tenant(tenant_id, timezone="UTC")
        yield app


def commit(app: App) -> None:
    for user in USERS:
        app.as_owner_of(SHOP).devices.register(
            {"device_id": user, "user_id": user, "channel": "simulator"}
        )
    app.as_owner_of(SHOP).campaigns.put(CAMPAIGN, commit=True)


def test_sends_are_counted_where_they_stand(app: App, clock: VirtualClock) -> None:
    assert app.operator.backlog().sends[SHOP] == dict.fromkeys(SendState, 0)
    commit(app)
    of_shop = dict.fromkeys(SendState, 0) | {SendState.PLANNED: 3, SendState.SUPPRESSED: 1}
    assert app.operator.backlog().sends[SHOP] == of_shop
    assert app.operator.backlog().sends[OTHER] == dict.fromkeys(SendState, 0)
    clock.advance_to(DUE_AT)
    app.rounds.dispatcher().dispatch_due()
    of_shop |= {SendState.PLANNED: 0, SendState.DELIVERED: 3}
    assert app.operator.backlog().sends[SHOP] == of_shop


def test_the_oldest_due_send_has_waited_since_it_was_due(app: App, clock: VirtualClock) -> None:
    commit(app)
    for instant, waited in (
        (DUE_AT - timedelta(minutes=1), timedelta(0)),
        (DUE_AT, timedelta(0)),
        (DUE_AT + timedelta(minutes=7), timedelta(minutes=7)),
    ):
        clock.advance_to(instant)
        assert app.operator.backlog().oldest_due == waited
    app.rounds.dispatcher().dispatch_due()
    assert app.operator.backlog().oldest_due == timedelta(0)


def test_an_event_waits_until_the_log_has_it(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        {
            "event_id": f"e{number}",
            "user_id": "ann",
            "event_type": "session",
            "occurred_at": "2026-10-01T08:00:00Z",
        }
        for number in range(5)
    ]
    app.as_owner_of(SHOP).events.accept(events)
    app.as_owner_of(OTHER).events.accept(events[:2])
    waiting = {TenantId("default"): 0, SHOP: 5, OTHER: 2}
    assert app.operator.backlog().outbox_waiting == waiting
    with monkeypatch.context() as broken:
        broken.setattr("sendopt.log.Appender.append_outbox", _disk_full)
        with pytest.raises(OSError, match="disk full"):
            app.rounds.copy_to_log()
    # Every event has its position by now, and the log has none of them.
    assert app.operator.backlog().outbox_waiting == waiting
    app.rounds.copy_to_log()
    assert app.operator.backlog().outbox_waiting == dict.fromkeys(waiting, 0)


def _disk_full(*_given: object, **_options: object) -> None:
    raise OSError("disk full")
