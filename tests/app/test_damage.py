"""One tenant's row that nobody can read: what is done for the others goes on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sendopt.app import App
from sendopt.app.appending import DAMAGED, copy_outbox
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.log import Log
from sendopt.records import Event, EventType, TenantId, UserId
from sendopt.settings import Settings
from sendopt.state import State, audit, outbox
from sendopt.state.tables import event_outbox

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
SHOP, BANK = TenantId("shop"), TenantId("bank")

_GOOD = {
    "event_id": "e1",
    "user_id": "u",
    "event_type": "open",
    "occurred_at": "2026-10-01T09:00:00+00:00",
}
#: What may stand where an event should, as JSON or not.
DOCUMENTS = [
    "{",
    *("null", "[]", "7", "{}", '{"event_id": "e1"}'),
    *(
        json.dumps(_GOOD | {name: value})
        for name, value in (
            ("event_type", "wave"),
            ("occurred_at", "yesterday"),
            ("occurred_at", "2026-10-01T09:00:00"),
            ("user_id", 7),
            ("user_id", "\ud800"),
            ("unheard_of", 1),
            ("attributes", "none"),
            ("propensity", "high"),
        )
    ),
]


def test_an_event_that_nobody_can_read_is_left_out_and_named_and_the_others_are_copied(
    state: State, empty_log: Log
) -> None:
    count = len(DOCUMENTS)
    good = [Event(f"good{n}", UserId("u"), EventType.SESSION, NOW) for n in range(count)]
    bad = [Event(f"bad{n:02}", UserId("u"), EventType.SESSION, NOW) for n in range(count)]
    with state.write_fleet() as tx:
        for fine, poison in zip(good, bad, strict=True):
            outbox.record(tx.of(SHOP), [poison], now=NOW)
            outbox.record(tx.of(BANK), [fine], now=NOW)
    planted = 0
    with state.write_fleet() as tx:
        for number, text in enumerate(DOCUMENTS):
            column = sa.text("UPDATE event_outbox SET event = :text WHERE event_id = :event_id")
            if state.engine.dialect.name == "postgresql":
                column = sa.text(
                    "UPDATE event_outbox SET event = CAST(:text AS json) WHERE event_id = :event_id"
                )
            try:
                with tx.begin_nested():
                    tx.execute(column, {"text": text, "event_id": f"bad{number:02}"})
                planted += 1
            except sa.exc.DBAPIError:  # PostgreSQL keeps no JSON that breaks off
                assert text == "{"
    for batch in (3, 1000):
        with empty_log.appender() as appender:
            copy_outbox(state, appender, batch=batch)
    with empty_log.reader(BANK) as reader:
        rows = reader.query("all", "select event_id from event")
    assert sorted(rows["event_id"].to_pylist()) == sorted(event.event_id for event in good)
    with state.read_fleet() as tx:
        assert outbox.refused(tx) == {(SHOP, DAMAGED): planted}
        rules = [each.rule for each in audit.outbox(tx)]
    assert rules.count("recorded_event_is_readable") == planted
    # Nothing was deleted: whoever mends the row finds all the others beside it.
    with state.read_fleet() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(event_outbox)) == 2 * count


def test_a_stored_event_that_nobody_can_read_does_not_keep_others_from_being_recorded(
    state: State,
) -> None:
    events = [Event(f"e{n}", UserId("u"), EventType.SESSION, NOW) for n in range(3)]
    with state.write_fleet() as tx:
        outbox.record(tx.of(SHOP), events[:1], now=NOW)
        tx.execute(sa.update(event_outbox).values(event=[]))
    with state.write(SHOP) as tx:
        told = outbox.record(tx, events, now=NOW)
    assert [each.verdict for each in told] == ["conflict", "recorded", "recorded"]


@pytest.fixture
def app(home: Path) -> Iterator[App]:
    with closing(App(Settings(home=home), VirtualClock(NOW), secrets.token_bytes)) as app:
        for tenant_id in (BANK, SHOP):
            app.operator.create_tenant(tenant_id, timezone="UTC")
        yield app


@pytest.mark.parametrize("damage", ["'soon'", "CAST(x'ff80' AS TEXT)", "9223372036854775807"])
def test_one_tenants_click_that_nobody_can_read_keeps_no_other_tenant_from_being_metered(
    app: App, hand_over, damage: str
) -> None:
    for tenant_id in (BANK, SHOP):
        hand_over(app.state, f"s-{tenant_id}", tenant_id=tenant_id, at=NOW - timedelta(hours=1))
        with app.state.write_fleet() as tx:
            tx.execute(
                sa.text(
                    "INSERT INTO click"
                    " (tenant_id, click_id, send_id, link_id, occurred_at, user_agent)"
                    f" VALUES ('{tenant_id}', 'c', 's-{tenant_id}', 'l', 1760000000000000, 'x')"
                )
            )
    with app.state.write_fleet() as tx:
        tx.execute(sa.text(f"UPDATE click SET occurred_at = {damage} WHERE tenant_id = 'bank'"))
    assert app.rounds.meter() == (BANK,)
    assert app.operator.backlog().unmetered == {DEFAULT_TENANT: 0, BANK: 1, SHOP: 0}
    found = {
        (each.rule, each.tenant_id)
        for each in app.operator.verify(progress=lambda _: None).findings
    }
    assert ("everything_is_metered", BANK) in found
    assert ("everything_is_metered", SHOP) not in found
    with app.state.read_fleet() as tx:
        metered = tx.execute(sa.text("SELECT tenant_id FROM click WHERE period IS NOT NULL"))
        assert metered.scalars().all() == ["shop"]


def test_what_waits_is_counted_whatever_one_send_says(app: App, hand_over) -> None:
    hand_over(app.state, "s1", tenant_id=SHOP, at=None)
    hand_over(app.state, "s2", tenant_id=BANK, at=None)
    with app.state.write_fleet() as tx:
        tx.execute(sa.text("UPDATE planned_send SET due_at = 'soon' WHERE send_id = 's1'"))
        tx.execute(sa.text("UPDATE planned_send SET state = 'lost' WHERE send_id = 's2'"))
    backlog = app.operator.backlog()
    assert backlog.sends[SHOP]["claimed"] == 1
    assert sum(backlog.sends[BANK].values()) == 0
