"""That a committed plan comes out again, whatever has become of those it was made for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sendopt.app import App, open_app
from sendopt.app.work import Work
from sendopt.clock import VirtualClock
from sendopt.errors import NotFound
from sendopt.records import CampaignId, TenantId
from sendopt.schedule.replay import Missing
from sendopt.settings import Settings
from sendopt.state import State
from sendopt.state.tables import planned_send

START = datetime(2026, 10, 1, 9, tzinfo=UTC)
TENANT, SALE = TenantId("default"), CampaignId("sale")
LIMITS = {"caps": [{"at_most": 2, "within": "24h"}], "no_send_share": 0.2, "legal_hours": True}
USERS = 30


@pytest.fixture
def home(empty_home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(empty_home, tmp_path / "home")


@pytest.fixture
def app(home: Path) -> Iterator[App]:
    with closing(open_app(Settings(home=home), clock=VirtualClock(START))) as app:
        app.operator.create_tenant("default", timezone="Europe/Berlin")
        yield app


@pytest.fixture
def work(app: App) -> Work:
    work = app.as_owner_of(TENANT)
    for number in range(USERS):
        work.devices.register({"user_id": f"u{number}", "channel": "simulator"})
    work.limits.put(LIMITS)
    work.campaigns.put(a_campaign("sale"), commit=True)
    return work


def a_campaign(campaign_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "campaign_id": campaign_id,
        "channel": "simulator",
        "variants": [
            {"variant_id": each, "title": "t", "body": "b"} for each in ("plain", "fancy")
        ],
        "send_window": {
            "earliest_at": "2026-10-01T09:00:00Z",
            "latest_at": "2026-10-02T20:00:00Z",
        },
        "quiet_hours": {"start": "22:00", "end": "08:00"},
        "holdout": {"share": 0.3, "time": "random"},
        "audience": "everyone",
        **changed,
    }


def test_it_is_the_same_whatever_was_changed_since(work: Work) -> None:
    before = work.plans.replay(SALE)
    assert (before.compared, before.differing, before.missing) == (USERS, 0, {})
    work.devices.register({"user_id": "u3", "channel": "simulator", "timezone": "Asia/Tokyo"})
    work.limits.put(LIMITS | {"caps": [{"at_most": 1, "within": "7d"}], "no_send_share": 0.5})
    work.campaigns.put(a_campaign("other"), commit=True)
    assert work.plans.replay(SALE) == before


def test_who_joins_later_is_compared_with_those_who_joined_then(app: App, work: Work) -> None:
    app.clock.advance(datetime(2026, 10, 1, 15, tzinfo=UTC) - START)
    work.devices.register({"user_id": "late", "channel": "simulator"})
    work.campaigns.commit(SALE)
    found = work.plans.replay(SALE)
    assert (found.compared, found.differing) == (USERS + 1, 0)


def test_one_chance_that_was_changed_is_found(work: Work, home: Path) -> None:
    with closing(State(f"sqlite:///{home / 'state.sqlite'}")) as state, state.write(TENANT) as tx:
        of_one = sa.and_(tx.owns(planned_send), planned_send.c.user_id == "u7")
        tx.execute(sa.update(planned_send).where(of_one).values(propensity=0.4321))
    found = work.plans.replay(SALE)
    assert (found.compared, found.differing) == (USERS, 1)
    assert [(each.field, each.committed) for each in found.first] == [("propensity", 0.4321)]


def test_erased_users_are_counted_and_not_compared(app: App, work: Work) -> None:
    work.users.erase("u7")
    found = work.plans.replay(SALE)
    assert found.missing == {Missing.ERASED: 1}
    assert (found.compared, found.differing) == (USERS - 1, 0)


def test_campaigns_that_were_planned_together_are_not_compared(work: Work) -> None:
    for name in ("one", "two"):
        work.campaigns.put(a_campaign(name), commit=False)
    work.plans.commit({"campaign_ids": ["one", "two"]})
    found = work.plans.replay(CampaignId("one"))
    assert (found.compared, found.missing) == (0, {Missing.LIMITS: USERS})


def test_another_tenants_campaign_is_unknown(app: App, work: Work) -> None:
    app.operator.create_tenant("other", timezone="UTC")
    with pytest.raises(NotFound, match="campaign"):
        app.as_owner_of(TenantId("other")).plans.replay(SALE)
