"""A campaign may be put again at any time: a request whose answer was lost changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.errors import Conflict, InvalidInput
from sendopt.records import CampaignId, CampaignPhase, TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")
START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def app(home: Path, clock: VirtualClock) -> Iterator[App]:
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        app.as_owner_of(TENANT).devices.register(
            {"device_id": "d", "user_id": "u", "channel": "simulator", "address": {}}
        )
        yield app


@pytest.fixture
def definition() -> dict[str, Any]:
    return {
        "campaign_id": "hello",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": START.isoformat(),
            "latest_at": (START + timedelta(hours=3)).isoformat(),
        },
        "quiet_hours": None,
        "audience": "everyone",
    }


def test_the_same_campaign_again_sends_once(app: App, definition: dict[str, Any]) -> None:
    first = app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
    again = app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
    assert (first.repeated, again.repeated) == (False, True)
    assert again.counts == first.counts
    assert sum(first.counts.values()) == 1


def test_it_may_be_put_again_after_its_window(
    app: App, clock: VirtualClock, definition: dict[str, Any]
) -> None:
    first = app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
    clock.advance(timedelta(days=1))
    assert app.as_owner_of(TENANT).campaigns.put(definition, commit=True).counts == first.counts


def test_a_new_campaign_whose_window_is_over_is_refused(
    app: App, clock: VirtualClock, definition: dict[str, Any]
) -> None:
    clock.advance(timedelta(days=1))
    with pytest.raises(InvalidInput) as refused:
        app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
    assert refused.value.code == "no_feasible_slot"


def test_a_draft_is_edited_and_what_was_committed_is_not(
    app: App, definition: dict[str, Any]
) -> None:
    app.as_owner_of(TENANT).campaigns.put(definition, commit=False)
    edited = {**definition, "message_type": "other"}
    assert app.as_owner_of(TENANT).campaigns.put(edited, commit=False).changed
    assert app.as_owner_of(TENANT).campaigns.put(edited, commit=True).committed
    with pytest.raises(Conflict) as refused:
        app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
    assert refused.value.code == "campaign_conflict"


def test_a_cancelled_draft_is_cancelled_for_every_definition(
    app: App, definition: dict[str, Any]
) -> None:
    app.as_owner_of(TENANT).campaigns.put(definition, commit=False)
    app.as_owner_of(TENANT).campaigns.cancel("hello")  # type: ignore[arg-type]
    for each in (definition, {**definition, "message_type": "other"}):
        with pytest.raises(Conflict) as refused:
            app.as_owner_of(TENANT).campaigns.put(each, commit=True)
        assert refused.value.code == "campaign_cancelled"
    assert sum(app.as_owner_of(TENANT).campaigns.get("hello").counts.values()) == 0  # type: ignore[arg-type]


HELLO = CampaignId("hello")


def test_a_running_campaign_is_paused_edited_and_goes_on(
    app: App, clock: VirtualClock, definition: dict[str, Any]
) -> None:
    campaigns = app.as_owner_of(TENANT).campaigns
    campaigns.put(definition, commit=True)
    assert campaigns.pause(HELLO).phase is CampaignPhase.PAUSED
    mended = {**definition, "variants": [{"variant_id": "v", "title": "mended", "body": "b"}]}
    clock.advance(timedelta(minutes=1))
    report = campaigns.revise(mended)
    assert (report.revision, report.planned_count, report.repeated) == (2, 1, False)
    again = campaigns.revise(mended)
    assert (again.revision, again.planned_count, again.repeated) == (2, 0, True)
    status = campaigns.resume(HELLO)
    assert (status.phase, status.revision) == (CampaignPhase.COMMITTED, 2)
    assert (status.definition, status.changed_at) == (mended, clock.now())
    assert status.rules is not None
    assert status.rules["slot_minutes"] == 60
    assert campaigns.put(mended, commit=True).counts == status.counts
    with pytest.raises(Conflict) as refused:
        campaigns.put(definition, commit=False)
    assert refused.value.code == "campaign_conflict"


def test_a_revision_keeps_the_holdout(app: App, definition: dict[str, Any]) -> None:
    campaigns = app.as_owner_of(TENANT).campaigns
    held = {**definition, "holdout": {"share": 0.5}}
    campaigns.put(held, commit=True)
    silent = {**definition, "message_type": "news"}
    assert campaigns.revise(silent).revision == 2
    assert campaigns.get(HELLO).rules["holdout"] == {"share": 0.5, "time": "configured"}  # type: ignore[index]
    with pytest.raises(InvalidInput) as refused:
        campaigns.revise({**silent, "holdout": {"share": 0.25}})
    assert refused.value.code == "holdout_settled"


def test_a_stored_draft_is_committed_by_its_id(app: App, definition: dict[str, Any]) -> None:
    campaigns = app.as_owner_of(TENANT).campaigns
    campaigns.put(definition, commit=False)
    for act in (campaigns.pause, campaigns.resume):
        with pytest.raises(Conflict) as refused:
            act(HELLO)
        assert refused.value.code == "campaign_not_committed"
    with pytest.raises(Conflict) as refused:
        campaigns.revise({**definition, "message_type": "news"})
    assert refused.value.code == "campaign_not_committed"
    assert campaigns.commit(HELLO).committed
    assert sum(campaigns.commit(HELLO).counts.values()) == 1
    campaigns.cancel(HELLO)
    for call in (campaigns.commit, campaigns.pause, campaigns.resume):
        with pytest.raises(Conflict) as refused:
            call(HELLO)
        assert refused.value.code == "campaign_cancelled"
    for again in (definition, {**definition, "message_type": "news"}):
        with pytest.raises(Conflict) as refused:
            campaigns.revise(again)
        assert refused.value.code == "campaign_cancelled"
