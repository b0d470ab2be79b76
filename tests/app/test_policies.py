"""From a definition to the stored record: arms, exploration and its budget, wordings, zones."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.errors import InvalidInput
from sendopt.log import event_table
from sendopt.records import (
    Channel,
    Device,
    DeviceId,
    Event,
    EventType,
    SendId,
    TenantId,
    UserId,
)
from sendopt.settings import ScheduleSettings, Settings
from sendopt.state import devices
from sendopt.state.tables import planned_send

TENANT = TenantId("default")
START = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
USERS = 120
EXPLORING = {"policy": "epsilon_greedy", "epsilon": 0.5, "share": 0.5, "per_user_30_days": 1}


def a_history() -> list[Event]:
    """Sends at every hour of ten days; most are opened in the morning, few at other times."""
    events = []
    for number in range(24 * 10 * 4):
        at = START - timedelta(days=11) + number // 4 * HOUR
        send_id = SendId(f"old-{number}")
        user = UserId(f"u{number % USERS}")
        events.append(Event(f"{number}", user, EventType.SEND, at, send_id=send_id, timezone="UTC"))
        if number % 4 < (3 if 8 <= at.hour < 12 else 1):
            opened_at = at + timedelta(minutes=5)
            events.append(Event(f"{number}o", user, EventType.OPEN, opened_at, send_id=send_id))
    return events


def open_shop(home: Path, **settings: Any) -> App:
    app = open_app(
        Settings(home=home, schedule=ScheduleSettings(**settings)), clock=VirtualClock(START)
    )
    with app.log.appender() as appender:
        appender.append(TENANT, event_table(a_history()))
    with app.state.write(TENANT) as tx:
        for number in range(USERS):
            phone = Device(DeviceId(f"d{number}"), UserId(f"u{number}"), Channel.SIMULATOR, {})
            devices.register(tx, phone, now=START)
    return app


@pytest.fixture(scope="module")
def app(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("shop") / "home")
    with closing(open_shop(home)) as app:
        yield app


def a_campaign(name: str, **changes: Any) -> dict[str, Any]:
    definition = {
        "campaign_id": name,
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": START.isoformat(),
            "latest_at": (START + 24 * HOUR).isoformat(),
        },
        "quiet_hours": {"start": "22:00", "end": "07:00"},
        "audience": "everyone",
    }
    return {key: value for key, value in {**definition, **changes}.items() if value is not None}


def records(app: App, campaign_id: str) -> list[dict[str, Any]]:
    """Return every send of the campaign with its decision, as the API would show it."""
    with app.state.read_fleet() as tx:
        ids = tx.scalars(
            sa.select(planned_send.c.send_id)
            .where(planned_send.c.campaign_id == campaign_id)
            .order_by(planned_send.c.send_id)
        ).all()
    return [app.as_owner_of(TENANT).sends.get(SendId(send_id)) for send_id in ids]


def test_a_preview_shows_what_the_commit_then_does(app: App) -> None:
    exploration = {**EXPLORING, "per_user_30_days": 100}
    definition = a_campaign("explore", exploration=exploration, holdout={"share": 0.3})
    preview = app.as_owner_of(TENANT).campaigns.preview(definition)
    report = app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
    assert report.preview == preview
    stored = records(app, "explore")
    assert Counter(str(send["arm"]) for send in stored) == preview.by_arm
    assert sum(send["decision"].explored for send in stored) == preview.explored_count > 10
    assert preview.by_policy.keys() == {"configured", "epsilon_greedy"}
    for send in stored:
        record = send["decision"]
        assert record.chosen_at == send["due_at"]
        if send["arm"] == "holdout":
            assert (record.policy, record.propensity) == ("configured", 1.0)
            assert record.served_by == "configured_time"
            assert send["due_at"] == START + 18 * HOUR
        else:
            assert record.served_by == "tenant_histogram"
            assert record.fallback_reason == "no_champion"
            allowed = sum(slot.excluded_by is None for slot in record.slots)
            rest = 0.5 / allowed
            assert record.propensity == pytest.approx(rest if record.explored else 0.5 + rest)


def test_a_spent_budget_is_said_and_kept(app: App) -> None:
    app.as_owner_of(TENANT).campaigns.put(a_campaign("first", exploration=EXPLORING), commit=True)
    again = a_campaign("second", exploration=EXPLORING)
    app.as_owner_of(TENANT).campaigns.put(again, commit=True)
    before = {send["user_id"] for send in records(app, "first") if send["decision"].explored}
    assert len(before) > 5
    for send in records(app, "second"):
        if send["user_id"] in before:
            assert send["decision"].exploration_bound_by == "exploration_budget_spent"
            assert (send["decision"].propensity, send["decision"].explored) == (1.0, False)
    # Planned again, the campaign's own explorations are not held against it.
    assert app.as_owner_of(TENANT).campaigns.preview(again).explored_count == sum(
        send["decision"].explored for send in records(app, "second")
    )


def test_the_same_days_come_out_the_same_on_another_machine(app: App, home: Path) -> None:
    definition = a_campaign(
        "replayed",
        exploration={"policy": "thompson"},
        holdout={"share": 0.2, "time": "random"},
        variants=[{"variant_id": name, "title": "t", "body": name} for name in "abc"],
    )
    app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
    with closing(open_shop(home)) as other:
        # What was explored in other campaigns is part of the past, here there is none.
        other.as_owner_of(TENANT).campaigns.put(
            a_campaign("first", exploration=EXPLORING), commit=True
        )
        app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
        other.as_owner_of(TENANT).campaigns.put(definition, commit=True)
        mine = {send["send_id"]: send for send in records(app, "replayed")}
        spent = "exploration_budget_spent"
        for send in records(other, "replayed"):
            twin = mine[send["send_id"]]
            assert (send["arm"], send["variant_id"]) == (twin["arm"], twin["variant_id"])
            bound = {send["decision"].exploration_bound_by, twin["decision"].exploration_bound_by}
            if spent not in bound:
                assert send == {**twin, "planned_at": send["planned_at"]}


def test_urgent_types_are_the_operators_word(home: Path) -> None:
    with closing(open_shop(home, urgent_message_types=("alarm",), policy="epsilon_greedy")) as app:
        app.as_owner_of(TENANT).campaigns.put(
            a_campaign("alarm", message_type="alarm"), commit=True
        )
        app.as_owner_of(TENANT).campaigns.put(
            a_campaign("offer", message_type="offer"), commit=True
        )
        alarms, offers = records(app, "alarm"), records(app, "offer")
    assert {send["decision"].exploration_bound_by for send in alarms} == {"urgent"}
    assert {send["decision"].propensity for send in alarms} == {1.0}
    assert {send["decision"].policy for send in offers} == {"epsilon_greedy"}


def test_wordings_learn_from_the_answers_to_the_same_words(app: App) -> None:
    wordings = [
        {"variant_id": "loud", "title": "SALE", "body": "HALF PRICE"},
        {"variant_id": "plain", "title": "Sale", "body": "Half price"},
    ]
    first = a_campaign("reminder-1", variants=wordings, message_type="reminder")
    second = a_campaign(
        "reminder-2",
        message_type="reminder",
        variants=[{**wordings[1], "variant_id": "renamed"}, wordings[0]],
    )
    preview = app.as_owner_of(TENANT).campaigns.preview(first)
    assert preview.variant_evidence == "too_little_data"
    app.as_owner_of(TENANT).campaigns.put(first, commit=True)
    sent = records(app, "reminder-1")
    assert {send["decision"].variant_propensity for send in sent} == {0.5}
    with app.state.write_fleet() as tx:
        tx.execute(
            sa.update(planned_send)
            .where(planned_send.c.campaign_id == "reminder-1")
            .values(state="delivered", reason="accepted", handed_over_at=START - HOUR)
        )
    for send in sent:
        if send["variant_id"] == "plain":
            app.as_owner_of(TENANT).sends.report(send["send_id"], {"kind": "open"})
    assert app.as_owner_of(TENANT).campaigns.preview(second).variant_evidence == "preferred"
    app.as_owner_of(TENANT).campaigns.put(second, commit=True)
    now = records(app, "reminder-2")
    better = [send for send in now if send["variant_id"] == "renamed"]
    assert len(better) > 0.6 * len(now)
    assert {send["decision"].variant_confidence > 0.99 for send in now} == {True}
    other_type = a_campaign("news", variants=wordings, message_type="news")
    assert (
        app.as_owner_of(TENANT).campaigns.preview(other_type).variant_evidence == "too_little_data"
    )
    even = a_campaign("even", variants=wordings, message_type="reminder", variant_choice="even")
    assert app.as_owner_of(TENANT).campaigns.preview(even).variant_evidence == "too_little_data"


def test_abstention_is_only_against_a_time_that_was_given(app: App) -> None:
    silent = app.as_owner_of(TENANT).campaigns.preview(a_campaign("silent"))
    given = app.as_owner_of(TENANT).campaigns.preview(
        a_campaign("given", fallback_local_time="10:00")
    )
    assert (silent.abstained_count, given.abstained_count) == (0, USERS)
    bold = a_campaign("bold", fallback_local_time="10:00", least_confidence=0.5)
    assert app.as_owner_of(TENANT).campaigns.preview(bold).abstained_count == 0


def test_where_users_may_live_is_in_the_record(home: Path) -> None:
    """A user of unknown zone whose sessions keep the hours of two hundred people in Tokyo."""
    with closing(open_app(Settings(home=home), clock=VirtualClock(START))) as app:
        events = []
        for number in range(230):
            user, zone = UserId(f"u{number}"), None if number == 0 else "Asia/Tokyo"
            for day in range(1, 50):
                local_hour = (7 + number + day * 7) % 16 + 7  # seven in the morning to eleven
                at = START - timedelta(days=day) + (local_hour - 9) * HOUR
                events.append(Event(f"{number}-{day}", user, EventType.SESSION, at, timezone=zone))
        with app.log.appender() as appender:
            appender.append(TENANT, event_table(events))
        app.as_owner_of(TENANT).devices.register(
            {"device_id": "d", "user_id": "u0", "channel": "simulator", "address": {}}
        )
        app.as_owner_of(TENANT).campaigns.put(a_campaign("hello"), commit=True)
        ((send),) = records(app, "hello")
    record = send["decision"]
    assert (record.timezone, record.timezone_source) == ("UTC", "inferred")
    assert 9 * 60 in record.quiet_offsets
    assert record.timezone_confidence >= 0.9
    # 18:00 in the tenant's UTC is 03:00 in Tokyo.
    assert record.chosen_at is not None
    assert 7 <= (record.chosen_at + 9 * HOUR).hour < 22
    assert record.binding_constraint == "quiet_hours_inferred"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"exploration": {"policy": "softmax"}}, "invalid", "/exploration/policy"),
        ({"exploration": {"policy": "epsilon_greedy"}}, "missing_field", "/exploration/epsilon"),
        (
            {"exploration": {"policy": "greedy", "epsilon": 0.1}},
            "exploration_invalid",
            "/exploration/epsilon",
        ),
        (
            {"exploration": {"policy": "thompson", "epsilon": 0.6}},
            "invalid",
            "/exploration/epsilon",
        ),
        ({"holdout": {"share": 0.7}}, "invalid", "/holdout/share"),
        ({"holdout": {"share": 0.1, "time": "never"}}, "invalid", "/holdout/time"),
        ({"least_confidence": 0.3}, "invalid", "/least_confidence"),
        ({"urgent": "yes"}, "wrong_type", "/urgent"),
        ({"variant_choice": "best"}, "invalid", "/variant_choice"),
    ],
)
def test_what_no_policy_can_be_is_refused(
    app: App, changes: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        app.as_owner_of(TENANT).campaigns.preview(a_campaign("refused", **changes))
    assert (refusal.value.code, refusal.value.field) == (code, field)
