"""Whatever a principal changes leaves a record, or is named here with its reason for none."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from app.test_subjects import use_cases
from untrained import untrained

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.app.subject import permission_of
from sendopt.app.work import Work
from sendopt.clock import VirtualClock
from sendopt.errors import SendoptError
from sendopt.records import (
    AuditFilter,
    AuditRecord,
    CampaignId,
    Origin,
    Principal,
    SendId,
    SeriesId,
    UserId,
)
from sendopt.settings import Settings
from sendopt.state.send_list import SendFilter

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
CAMPAIGN = {
    "campaign_id": "hello",
    "channel": "simulator",
    "variants": [{"variant_id": "v", "title": "A title", "body": "A body"}],
    "send_window": {
        "earliest_at": NOW.isoformat(),
        "latest_at": (NOW + timedelta(hours=3)).isoformat(),
    },
    "quiet_hours": None,
    "audience": "everyone",
}
DEVICE = {"device_id": "d", "user_id": "ann", "channel": "simulator", "address": {}}
ZONE = {"user_id": "ann", "timezone": "Europe/Vienna"}
EVENT = {
    "event_id": "e",
    "event_type": "session",
    "user_id": "ann",
    "occurred_at": "2026-09-30T09:00:00Z",
}
CARD = {
    "currency": "EUR",
    "click_price_minor": "1.25",
    "response_price_minor": "2",
    "attribution_window_seconds": 86_400,
    "effective_at": "2026-11-01T00:00:00Z",
}

SERIES = {
    **{name: CAMPAIGN[name] for name in ("channel", "variants", "quiet_hours", "audience")},
    "series_id": "again",
    "recurrence": {"first_local_date": "2026-10-05", "last_local_date": None, "every_days": 7},
}
LIMITS = {"weekly_budget": 4, "no_send_share": 0.02, "legal_hours": True}

#: What needs more than reading and leaves no record.
UNRECORDED = {
    "devices.register": "comes in by the thousand, and its row says when it was registered",
    "devices.register_all": "as `devices.register`, by the thousand",
    "users.erasure": "changes nothing",
    "users.export": "changes nothing",
    "users.put_all": "as `users.put`, by the thousand",
    "devices.delete": "its user logs out; comes in by the thousand",
    "devices.web_push_key": "changes nothing",
    "device_tokens.issue": "comes in by the thousand, and nothing of it is stored",
    "events.accept": "comes in by the thousand; each event stands in the log with its time",
    "models.drift": "what a look found; the next one finds it again",
    "scores.compute": "worked out of the log by a model; changes nothing that was decided",
    "sends.ask": "comes in by the thousand; by whose key stands beside the send",
    "sends.ask_all": "as `sends.ask`",
    "sends.report": "comes in by the thousand; stands in the log",
    "users.prefer": "the user's own word; comes in by the thousand",
    "users.put": "comes in by the thousand",
    "users.say": "the user's own word, which is kept with its source and time",
}


def _issued(work: Work) -> str:
    return work.keys.issue("a program", role="analyst").listed.key_id


def _two_champions(app: App) -> None:
    for seed in (1, 2):
        registry = app.registry
        recorded = registry.record(DEFAULT_TENANT, untrained(seed=seed), params={}, tags={})
        registry.finish(DEFAULT_TENANT, recorded, metrics={}, tags={}, gate="passed")
        registry.promote(DEFAULT_TENANT, recorded.number, by="training", reason="", now=NOW)


def _readmitted(app: App, work: Work) -> str:
    erased = work.users.erase(UserId("ann"))
    app.rounds.erase()
    work.users.readmit(UserId("ann"))
    return erased.erasure_id


def _a_send(work: Work) -> SendId:
    """Return one send of a campaign that was committed."""
    work.campaigns.put(CAMPAIGN, commit=True)
    return work.sends.page(SendFilter(), limit=1).items[0].send.send_id


def _imported(app: App, import_files: Callable[..., object], row: Mapping[str, Any]) -> str:
    """Import a file of one row whose name is no text, again too, and one that is refused."""
    folder = app.settings.home
    file = folder / os.fsdecode(b"\xff.jsonl")
    file.write_text(json.dumps(row) + "\n")
    refused = folder / "refused.jsonl"
    refused.write_text(json.dumps(row | {"user_id": ""}) + "\n")
    for path in (file, file, refused):
        import_files([path], progress=lambda *_: None)
    return "file ?.jsonl"


#: What is done, and what its record says was done to what.
Doing = Callable[[App, Work], str]
DOINGS: dict[str, tuple[str, Doing]] = {
    "campaigns.put": (
        "campaign:put",
        lambda _, work: work.campaigns.put(CAMPAIGN, commit=False).campaign_id,
    ),
    "campaigns.put, committed": (
        "campaign:commit",
        lambda _, work: work.campaigns.put(CAMPAIGN, commit=True).campaign_id,
    ),
    "campaigns.cancel": (
        "campaign:cancel",
        lambda _, work: (
            work.campaigns.put(CAMPAIGN, commit=True)
            and work.campaigns.cancel(CampaignId("hello")).campaign_id
        ),
    ),
    "campaigns.commit": (
        "campaign:commit",
        lambda _, work: (
            work.campaigns.put(CAMPAIGN, commit=False)
            and work.campaigns.commit(CampaignId("hello")).campaign_id
        ),
    ),
    "plans.commit": (
        "campaign:commit",
        lambda _, work: (
            work.campaigns.put(CAMPAIGN, commit=False)
            and work.plans.commit({"campaign_ids": ["hello"]}).previews[0].campaign_id
        ),
    ),
    "campaigns.pause": (
        "campaign:pause",
        lambda _, work: (
            work.campaigns.put(CAMPAIGN, commit=True)
            and work.campaigns.pause(CampaignId("hello")).campaign_id
        ),
    ),
    "campaigns.resume": (
        "campaign:resume",
        lambda _, work: (
            work.campaigns.put(CAMPAIGN, commit=True)
            and work.campaigns.pause(CampaignId("hello"))
            and work.campaigns.resume(CampaignId("hello")).campaign_id
        ),
    ),
    "campaigns.revise": (
        "campaign:revise",
        lambda _, work: (
            work.campaigns.put(CAMPAIGN, commit=True)
            and work.campaigns.revise(CAMPAIGN | {"slot_minutes": 30}).campaign_id
        ),
    ),
    "series.put": ("series:put", lambda _, work: work.series.put(SERIES).status.series_id),
    "series.revise": (
        "series:revise",
        lambda _, work: (
            work.series.put(SERIES)
            and work.series.revise(SERIES | {"slot_minutes": 30}).status.series_id
        ),
    ),
    "series.pause": (
        "series:pause",
        lambda _, work: work.series.put(SERIES) and work.series.pause(SeriesId("again")).series_id,
    ),
    "series.resume": (
        "series:resume",
        lambda _, work: (
            work.series.put(SERIES)
            and work.series.pause(SeriesId("again"))
            and work.series.resume(SeriesId("again")).series_id
        ),
    ),
    "series.cancel": (
        "series:cancel",
        lambda _, work: work.series.put(SERIES) and work.series.cancel(SeriesId("again")).series_id,
    ),
    "devices.import_files": (
        "device:import",
        lambda app, work: _imported(
            app, work.devices.import_files, {**DEVICE, "device_id": "e", "user_id": "bob"}
        ),
    ),
    "events.import_files": (
        "event:import",
        lambda app, work: _imported(app, work.events.import_files, EVENT),
    ),
    "users.import_files": (
        "user:import",
        lambda app, work: _imported(app, work.users.import_files, ZONE),
    ),
    "keys.issue": ("key:issue", lambda _, work: _issued(work)),
    "keys.rotate": (
        "key:rotate",
        lambda _, work: _target(
            _issued(work), lambda key: work.keys.rotate(key, overlap=timedelta(days=1))
        ),
    ),
    "keys.revoke": ("key:revoke", lambda _, work: _target(_issued(work), work.keys.revoke)),
    "models.roll_back": (
        "model:roll_back",
        lambda app, work: (
            f"model {(_two_champions(app), work.models.roll_back({'reason': 'worse'}))[1].version}"
        ),
    ),
    "roles.put": ("role:put", lambda _, work: work.roles.put("desk", ["sends:read"]).name),
    "roles.delete": (
        "role:delete",
        lambda _, work: _target(work.roles.put("desk", ["sends:read"]).name, work.roles.delete),
    ),
    "limits.put": (
        "limits:put",
        lambda _, work: f"version {work.limits.put(LIMITS).version}",
    ),
    "sends.cancel": ("send:cancel", lambda _, work: _target(_a_send(work), work.sends.cancel)),
    "users.erase": ("user:erase", lambda _, work: work.users.erase(UserId("ann")).erasure_id),
    "users.readmit": ("user:readmit", _readmitted),
    "statements.put_rate_card": (
        "rate_card:put",
        lambda _, work: f"version {work.statements.put_rate_card(CARD).version}",
    ),
    "statements.close": (
        "statement:close",
        lambda _, work: _target("2026-08", work.statements.close),
    ),
}
#: It takes a minute to train.
TRAINING = "models.train"


def _target(target: str, doing: Callable[[Any], object]) -> str:
    doing(target)
    return target


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture
def app(home: Path, clock: VirtualClock) -> Iterator[App]:
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        app.as_owner_of(DEFAULT_TENANT).devices.register(DEVICE)
        yield app


def records(app: App) -> list[AuditRecord]:
    work = app.as_owner_of(DEFAULT_TENANT)
    return list(work.audit.page(AuditFilter(), limit=100).items)


def test_every_use_case_that_changes_something_is_recorded_or_named(app: App) -> None:
    changing = {
        name
        for name, method in use_cases(app.as_owner_of(DEFAULT_TENANT))
        if not str(permission_of(method)).endswith(":read")
    }
    assert changing == {name.split(",")[0] for name in DOINGS} | {*UNRECORDED} | {TRAINING}
    assert not {*DOINGS} & {*UNRECORDED}


@pytest.mark.parametrize("name", DOINGS)
def test_what_is_done_leaves_a_record(app: App, name: str) -> None:
    who = Principal.owner(DEFAULT_TENANT, "key:3f2a", origin=Origin("203.0.113.7", "req_1"))
    action, doing = DOINGS[name]
    target = doing(app, app.for_(who))
    of_action = [each for each in records(app) if each.action == action]
    (record,) = of_action
    assert (record.target, record.at) == (target, NOW)
    assert (record.actor, record.role, record.origin) == (who.actor, who.role, who.origin)
    assert not secrets_in(record)


def secrets_in(record: AuditRecord) -> bool:
    told = str(record)
    return "so_" in told or "A title" in told or "A body" in told


@pytest.mark.slow
def test_training_leaves_a_record(trained_home: Path, tmp_path: Path) -> None:
    home = shutil.copytree(trained_home, tmp_path / "home")
    with closing(open_app(Settings(home=home))) as app:
        before = len(records(app))
        report = app.as_owner_of(DEFAULT_TENANT).models.train(progress=lambda _: None)
        newest, *_ = records(app)
        assert len(records(app)) == before + 1
    assert (newest.action, newest.target) == ("model:train", f"model {report.model_version}")
    assert newest.after == {"promoted": report.promoted}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("keys.revoke", {"name": "a program", "role": "analyst", "expires_at": None}),
        ("roles.delete", {"permissions": ["sends:read"]}),
    ],
)
def test_a_record_says_what_was_there_before(app: App, given: str, told: Mapping[str, Any]) -> None:
    DOINGS[given][1](app, app.as_owner_of(DEFAULT_TENANT))
    newest = next(each for each in records(app) if each.action == DOINGS[given][0])
    assert (newest.before, newest.after) == (told, None)


def test_a_role_that_changes_is_told_with_what_it_could_do(app: App, clock: VirtualClock) -> None:
    work = app.as_owner_of(DEFAULT_TENANT)
    work.roles.put("desk", ["sends:read"])
    clock.advance(timedelta(seconds=1))
    work.roles.put("desk", ["users:read", "sends:read"])
    work.roles.put("desk", ["sends:read", "users:read"])  # changes nothing
    changed, made = records(app)
    assert (made.before, made.after) == (None, {"permissions": ["sends:read"]})
    assert changed.before == {"permissions": ["sends:read"]}
    assert changed.after == {"permissions": ["sends:read", "users:read"]}


def test_a_repetition_is_not_another_change(app: App) -> None:
    work = app.as_owner_of(DEFAULT_TENANT)
    send_id = _a_send(work)
    key_id = _issued(work)
    for _ in range(3):
        work.sends.cancel(send_id)
        work.keys.revoke(key_id)
        work.campaigns.put(CAMPAIGN, commit=False)
        work.campaigns.cancel(CampaignId("hello"))
        work.statements.put_rate_card(CARD)
        work.statements.close("2026-08")
        work.limits.put(LIMITS)
    assert sorted(each.action for each in records(app)) == [
        "campaign:cancel",
        "campaign:commit",
        "campaign:put",
        "key:issue",
        "key:revoke",
        "limits:put",
        "rate_card:put",
        "send:cancel",
        "statement:close",
    ]


@pytest.mark.parametrize(
    "refused",
    [
        lambda work: work.keys.issue("a program", role="nobody's"),
        lambda work: work.keys.revoke("0" * 16),
        lambda work: work.roles.put("desk", ["sends:raed"]),
        lambda work: work.roles.delete("desk"),
        lambda work: work.sends.cancel(SendId("nothing")),
        lambda work: work.campaigns.cancel(CampaignId("nothing")),
        lambda work: work.campaigns.put({**CAMPAIGN, "channel": "pigeon"}, commit=True),
        lambda work: work.statements.close("2026-09"),
        lambda work: work.models.roll_back({"reason": "?"}),
    ],
)
def test_what_is_refused_leaves_none(app: App, refused: Callable[[Work], object]) -> None:
    with pytest.raises(SendoptError):
        refused(app.as_owner_of(DEFAULT_TENANT))
    assert records(app) == []
