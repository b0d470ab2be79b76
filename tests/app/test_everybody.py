"""Everybody's part is remembered as long as it holds, and belongs to one tenant."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from untrained import untrained

from sendopt.app import App, open_app
from sendopt.app.everybody import LATE_EVENTS_WAIT
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.features import Population
from sendopt.records import TenantId, UserId
from sendopt.settings import Settings

NOON = datetime(2025, 3, 20, 12, tzinfo=UTC)
MODEL = untrained(until=NOON)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture
def app(trained_home: Path, tmp_path: Path, clock: VirtualClock) -> Iterator[App]:
    shutil.copytree(trained_home, tmp_path / "home")
    with closing(open_app(Settings(home=tmp_path / "home"), clock=clock)) as app:
        yield app


def visits(app: App, count: int, at: datetime) -> None:
    """Append visits of one user to the log."""
    events = [
        {
            "event_id": f"visit-{at.isoformat()}-{number}",
            "user_id": "ann",
            "event_type": "session",
            "occurred_at": (at + timedelta(seconds=number)).isoformat(),
        }
        for number in range(count)
    ]
    for first in range(0, count, 500):
        app.as_owner_of(DEFAULT_TENANT).events.accept(events[first : first + 500])
    app.rounds.copy_to_log()


def everybody(app: App, tenant_id: TenantId = DEFAULT_TENANT) -> Population:
    with app.reader(tenant_id) as reader:
        return app.everybody.of(reader, tenant_id, MODEL, as_of=app.clock.now())


def test_it_holds_for_a_day_and_takes_in_late_events_soon(app: App, clock: VirtualClock) -> None:
    first = everybody(app)
    visits(app, 1, NOON - timedelta(minutes=1))
    assert everybody(app) is first, "what happened today is no part of it"
    visits(app, 1, NOON - timedelta(days=1))
    assert everybody(app) is first, "one late event may wait"
    clock.advance(LATE_EVENTS_WAIT)
    later = everybody(app)
    assert later.evidence.sessions.sum() > first.evidence.sessions.sum()
    with app.reader(DEFAULT_TENANT) as reader:
        events = reader.query("events", "select count(*) as n from event")["n"][0].as_py()
    visits(app, events // 50, NOON - timedelta(days=2))
    many = everybody(app)
    assert many is not later, "many late events may not"
    clock.advance(timedelta(days=1))
    assert everybody(app) is not many


def test_it_is_the_tenants_own(app: App) -> None:
    stranger = TenantId("stranger")
    app.operator.create_tenant(stranger, timezone="UTC")
    assert everybody(app).sends.sum() + everybody(app).evidence.sessions.sum() > 0
    theirs = everybody(app, stranger)
    assert theirs.sends.sum() + theirs.evidence.sessions.sum() == 0


def test_a_users_own_events_count_at_once(app: App) -> None:
    ann = UserId("fried2021-75")
    before = app.as_owner_of(DEFAULT_TENANT).explanations.user(ann).explanation.known.visits
    visit = {
        "event_id": "visit",
        "user_id": ann,
        "event_type": "session",
        "occurred_at": (NOON - timedelta(minutes=1)).isoformat(),
    }
    app.as_owner_of(DEFAULT_TENANT).events.accept([visit])
    app.rounds.copy_to_log()
    assert (
        app.as_owner_of(DEFAULT_TENANT).explanations.user(ann).explanation.known.visits
        == before + 1
    )
