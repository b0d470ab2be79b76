"""On PostgreSQL an erasure begins beside whatever else goes on, and nobody waits for long."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sendopt.app import App, open_app
from sendopt.app.work import Work
from sendopt.clock import VirtualClock
from sendopt.errors import Conflict
from sendopt.records import ErasureStep, TenantId, UserId
from sendopt.settings import Settings, StateSettings
from sendopt.state import campaigns, engagement, plans, revisions
from sendopt.state.send_list import SendFilter

TENANT = TenantId("shop")
NOW = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
HER, OTHERS = UserId("ann"), [UserId(f"u{number}") for number in range(5)]


@pytest.fixture
def app(state_url: str, tmp_path: Path) -> Iterator[App]:
    settings = Settings(home=tmp_path / "home", state=StateSettings(url=state_url))
    with closing(open_app(settings, clock=VirtualClock(NOW))) as app:
        app.operator.create_tenant(TENANT, timezone="UTC")
        yield app


@pytest.fixture
def work(app: App) -> Work:
    work = app.as_owner_of(TENANT)
    for user_id in (HER, *OTHERS):
        work.devices.register(
            {"device_id": user_id, "user_id": user_id, "channel": "simulator", "address": {}}
        )
    return work


only_postgres = pytest.mark.parametrize("state_url", ["postgres"], indirect=True)


def a_campaign(audience: Any, **more: Any) -> dict[str, Any]:
    return {
        "campaign_id": "sale",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": (NOW + timedelta(hours=1)).isoformat(),
            "latest_at": (NOW + timedelta(hours=4)).isoformat(),
        },
        "quiet_hours": None,
        "audience": audience,
        **more,
    }


def an_event(event_id: str, user_id: str) -> dict[str, str]:
    at = (NOW - timedelta(hours=1)).isoformat()
    return {"event_id": event_id, "user_id": user_id, "event_type": "session", "occurred_at": at}


def in_the_middle_of(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, meanwhile: Callable[[], None]
) -> None:
    """Let something happen once, right after a function has returned."""
    original, happened = getattr(module, name), threading.Event()

    def and_then(*given: Any, **named: Any) -> Any:
        result = original(*given, **named)
        if not happened.is_set():
            happened.set()
            meanwhile()
        return result

    monkeypatch.setattr(module, name, and_then)


def everything_else(work: Work, folder: Path) -> None:
    """Erase her, and record events by both doors: whoever has to wait for long fails."""
    work.users.erase(HER)
    verdicts = work.events.accept([an_event("by-request", OTHERS[0])])
    assert [verdict.code for verdict in verdicts] == [None]
    file = folder / "events.jsonl"
    file.write_text(json.dumps(an_event("by-file", OTHERS[0])))
    (report,) = work.events.import_files([file], progress=lambda _path, _rows: None)
    assert report.accepted == 1


def reasons(work: Work) -> dict[UserId, str | None]:
    page = work.sends.page(SendFilter(), limit=100)
    return {each.send.user_id: each.send.reason for each in page.items}


def is_gone(app: App, erasure_id: str) -> bool:
    app.rounds.erase()
    work = app.as_owner_of(TENANT)
    return work.users.erasure(erasure_id).step is ErasureStep.DONE and HER not in reasons(work)


@only_postgres
def test_a_commit_holds_up_nobody_and_plans_nothing_for_her(
    app: App, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_middle_of(monkeypatch, plans, "add_sends", lambda: everything_else(work, tmp_path))
    work.campaigns.put(a_campaign("everyone"), commit=True)
    assert reasons(work) == {HER: "user_erased", **dict.fromkeys(OTHERS)}
    assert is_gone(app, work.users.erase(HER).erasure_id)


@only_postgres
def test_a_revision_holds_up_nobody_and_plans_nothing_for_her(
    app: App, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.campaigns.put(a_campaign(OTHERS[:2]), commit=True)
    in_the_middle_of(monkeypatch, revisions, "add_sends", lambda: everything_else(work, tmp_path))
    work.campaigns.revise(a_campaign("everyone", time_to_live_minutes=60))
    assert reasons(work) == {HER: "user_erased", **dict.fromkeys(OTHERS)}
    assert is_gone(app, work.users.erase(HER).erasure_id)


@only_postgres
def test_a_revision_that_names_her_is_refused_if_she_was_erased_meanwhile(
    app: App, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.campaigns.put(a_campaign(OTHERS[:2]), commit=True)
    in_the_middle_of(monkeypatch, revisions, "add_sends", lambda: everything_else(work, tmp_path))
    with pytest.raises(Conflict) as refusal:
        work.campaigns.revise(a_campaign([HER, *OTHERS]))
    assert (refusal.value.code, refusal.value.field) == ("user_erased", "/audience/0")
    assert reasons(work) == dict.fromkeys(OTHERS[:2])
    assert work.campaigns.get(campaigns.CampaignId("sale")).revision == 1


@only_postgres
def test_an_opt_out_and_an_erasure_wait_for_each_other_in_no_circle(
    app: App, work: Work, state_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.campaigns.put(a_campaign([HER]), commit=True)
    (send,) = work.sends.page(SendFilter(user_id=HER), limit=1).items
    came_to: list[Any] = []

    def erase() -> None:
        try:
            came_to.append(work.users.erase(HER))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            came_to.append(error)

    eraser = threading.Thread(target=erase)

    def begin_erasure() -> None:
        eraser.start()
        with psycopg.connect(state_url, autocommit=True) as connection:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while eraser.is_alive() and not connection.execute(waits).fetchone() > (0,):  # type: ignore[operator]
                pass

    in_the_middle_of(monkeypatch, engagement, "lock_send", begin_erasure)
    work.sends.report(send.send.send_id, {"kind": "opt_out"})
    eraser.join()
    (receipt,) = came_to
    assert is_gone(app, receipt.erasure_id)
