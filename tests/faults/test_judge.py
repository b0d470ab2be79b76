"""The judge misses nothing: each thing that may go wrong is planted and found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from faults.ack_log import AckLog, Exchange
from faults.deployment import TENANT, furnish
from faults.judge import judge
from service.processes import campaign

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.records import EventType
from sendopt.settings import Settings
from sendopt.state import tables, tables_billing
from sendopt.track import ClickRequest

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
PHONE = ClickRequest("GET", {"user-agent": "Mozilla/5.0 (Linux; Android 14) Chrome/131.0 Mobile"})


class Past:
    """A history without any fault: an event, a campaign of one send, a click on it."""

    def __init__(self, app: App, clock: VirtualClock) -> None:
        self.app = app
        self.acks = AckLog()
        event = {
            "event_id": "e1",
            "user_id": "ann",
            "event_type": EventType.SESSION,
            "occurred_at": NOON.isoformat(),
        }
        app.as_owner_of(TENANT).events.accept([event])
        self.acks.add(Exchange("events", ("e1",), [event], 0, 0))
        device = {"device_id": "d", "user_id": "ann", "channel": "simulator", "address": {}}
        app.as_owner_of(TENANT).devices.register(device)
        definition = campaign("c", {"ann": NOON + timedelta(minutes=1)})
        app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
        self.acks.add(Exchange("campaign", ("c",), definition, 0, 0))
        clock.advance(timedelta(minutes=2))
        links = []
        app.rounds.dispatcher(on_simulated=links.append).dispatch_due()
        [message] = links
        self.send_id = message.send_id
        self.delivered = Counter([self.send_id])
        clock.advance(timedelta(minutes=1))
        token = message.click_url.rpartition("/")[2]
        assert app.links.follow(token, PHONE).counted
        self.acks.add(Exchange("click", (self.send_id, token), None, 0, 0, counted=True))

    def change(self, statement: sa.Update | sa.Delete) -> None:
        with self.app.state.write_fleet() as tx:
            tx.execute(statement)


@pytest.fixture
def past(home: Path) -> Iterator[Past]:
    clock = VirtualClock(NOON)
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        furnish(app)
        yield Past(app, clock)


def test_a_history_without_a_fault_is_clean_and_each_fault_in_it_is_found(past: Past) -> None:
    verdict = judge(past.app, past.acks, past.delivered)
    assert (verdict.lost, verdict.unexpected, verdict.findings) == ([], [], [])
    assert verdict.doubled == 0

    past.acks.add(Exchange("events", ("e2",), [], 0, 0))
    past.acks.add(Exchange("click", (past.send_id, "again"), None, 0, 0))
    definition = past.acks.acknowledged("campaign")[0].body
    past.acks.add(Exchange("campaign", ("gone",), definition | {"campaign_id": "gone"}, 0, 0))
    verdict = judge(past.app, past.acks, Counter({past.send_id: 2, "stranger": 1}))
    assert verdict.lost == [
        "event e2 is not in the log",
        "gone has no send for ann",
        f"a click on {past.send_id} is not on record",
    ]
    assert verdict.unexpected == [
        f"send {past.send_id} arrived 2 times in 1 attempts",
        "send stranger arrived 1 times in 0 attempts",
    ]

    past.change(sa.update(tables.planned_send).values(state="expired", reason="too_late"))
    past.change(sa.delete(tables_billing.charge))
    verdict = judge(past.app, AckLog(exchanges=past.acks.exchanges[:3]), past.delivered)
    assert f"send {past.send_id} ended as expired (too_late)" in verdict.lost
    assert f"the counted click on {past.send_id} was not charged" in verdict.lost
    assert verdict.findings


def test_what_nobody_asked_for_is_found(past: Past) -> None:
    unanswered = [replace(each, answered_at=None) for each in past.acks.exchanges]
    asked = AckLog(exchanges=unanswered)
    verdict = judge(past.app, asked, past.delivered)
    assert (verdict.lost, verdict.unexpected) == ([], [])  # without an answer anything may be
    verdict = judge(past.app, AckLog(), past.delivered)
    assert len(verdict.unexpected) == 4  # event, send, click, charge
