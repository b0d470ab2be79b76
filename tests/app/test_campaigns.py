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
from sendopt.records import TenantId
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
