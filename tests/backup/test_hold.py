"""A restored home sends nothing until somebody has decided, and never twice without being told."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
from backup.homes import NOON, silently
from sqlalchemy import select

from sendopt.app import App, open_app
from sendopt.app.operator import Decided
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.bill.periods import GRACE
from sendopt.deliver import DispatchReport
from sendopt.records import AuditFilter, Retry
from sendopt.settings import Settings
from sendopt.state import audit
from sendopt.state.hold import Held
from sendopt.state.tables import planned_send

pytestmark = pytest.mark.parametrize("place", ["folder"], indirect=True)

MINUTE = timedelta(minutes=1)


@pytest.fixture
def restored(keep, bring_back, tmp_path, clock):
    """Back up at 12:04, when five of ten sends were out, and restore at 12:06.

    The original sent the sixth and seventh meanwhile. The last three are due until 12:09.
    """
    keep()

    def run(**options):
        clock.advance(2 * MINUTE)
        report = bring_back(tmp_path / "new", **options)
        app = open_app(Settings(home=tmp_path / "new"), clock=clock)
        return report, app

    return run


def fates(app):
    with app.state.read_fleet() as tx:
        rows = tx.execute(select(planned_send.c.state, planned_send.c.reason))
        return sorted((row.state, row.reason) for row in rows)


def dispatch_until(app, clock, end):
    """Let one dispatcher be at work until `end`, far longer than a lease."""
    total, dispatcher = DispatchReport(), app.rounds.dispatcher()
    while clock.now() < end:
        total += dispatcher.dispatch_due()
        clock.advance(MINUTE)
    return total


DELIVERED = [("delivered", "accepted")]
UNKNOWN = [("expired", "outcome_unknown")]


def test_without_a_decision_nothing_goes_out_and_all_ends_as_unknown(restored, clock):
    report, app = restored()
    assert report.settled.held == Held(later=3, overdue=2)
    with closing(app):
        assert app.ready()["sends"] == "held"
        assert sum(app.operator.backlog().held.values()) == 5
        assert dispatch_until(app, clock, clock.now() + 2 * 60 * MINUTE).delivered == 0
        assert app.ready()["sends"] is None
        assert sum(app.operator.backlog().held.values()) == 0
        assert fates(app) == 5 * DELIVERED + 5 * UNKNOWN
        app.rounds.settle()
        assert not app.operator.verify(progress=silently).findings


def test_operators_can_read_who_restored_what(restored):
    report, app = restored(actor="ann")
    with closing(app):
        (record,) = app.operator.audit(AuditFilter(), limit=10).items
        assert (record.actor, record.action) == ("ann", "home:restore")
        assert (record.target, record.after) == (f"backup {report.backup_id}", {"resumed": False})


def test_what_is_held_is_not_overdue_even_if_no_dispatcher_ever_ends_it(restored, clock):
    _, app = restored()
    with closing(app), app.state.read_fleet() as tx:
        assert not [*audit.overdue(tx, now=clock.now() + 24 * 60 * MINUTE)]


@pytest.mark.parametrize("when", ["at the restore", "later"])
def test_after_a_resume_what_is_due_later_goes_out_at_its_time_and_the_rest_does_not(
    restored, clock, when
):
    report, app = restored(resumed=when == "at the restore")
    with closing(app):
        if when == "later":
            operator = App(app.settings, clock, app.random_bytes).operator
            assert operator.resume(overdue=False) == Decided(3, Held(later=0, overdue=2))
        else:
            assert report.settled.held == Held(later=0, overdue=2)
        assert app.rounds.dispatcher().next_ready_at() == NOON + 7 * MINUTE
        assert dispatch_until(app, clock, clock.now() + 2 * 60 * MINUTE).delivered == 3
        assert fates(app) == 8 * DELIVERED + 2 * UNKNOWN
        app.rounds.settle()
        assert not app.operator.verify(progress=silently).findings


@pytest.mark.slow
def test_what_was_due_goes_out_again_only_when_asked_for(restored, clock):
    _, app = restored()
    with closing(app):
        operator = App(app.settings, clock, app.random_bytes).operator
        assert operator.resume(overdue=True) == Decided(5, Held(later=0, overdue=0))
        assert dispatch_until(app, clock, clock.now() + 2 * 60 * MINUTE).delivered == 5
        assert fates(app) == 10 * DELIVERED


@pytest.mark.slow
def test_what_expired_while_it_was_held_does_not_go_out_when_asked_for(restored, clock):
    _, app = restored()
    clock.advance(60 * MINUTE)
    with closing(app):
        operator = App(app.settings, clock, app.random_bytes).operator
        operator.resume(overdue=True)
        assert dispatch_until(app, clock, clock.now() + 60 * MINUTE).delivered == 3
        assert fates(app) == 8 * DELIVERED + 2 * UNKNOWN


def test_a_dispatcher_that_was_at_work_loses_its_claims_to_the_hold(restored, clock):
    _, app = restored(resumed=True)
    with closing(app):
        dispatcher = app.rounds.dispatcher()
        clock.advance(MINUTE)
        operator = App(app.settings, clock, app.random_bytes).operator

        class Meanwhile:
            name = "simulator"

            def deliver(self, messages):
                operator.hold()
                return [Retry("down") for _ in messages]

        dispatcher._providers["simulator"] = Meanwhile()
        assert dispatcher.dispatch_batch() == DispatchReport(taken_over=1)
        assert fates(app).count(("claimed", None)) == 5


@pytest.mark.slow
def test_a_period_that_may_have_been_closed_since_is_named(
    keep, bring_back, worked_home, tmp_path, clock
):
    with closing(open_app(Settings(home=worked_home), clock=clock)) as app:
        send = app.as_owner_of(DEFAULT_TENANT).campaigns.get("noon")
        assert send.counts["delivered"] == 5
        with app.state.read_fleet() as tx:
            delivered = tx.scalar(
                select(planned_send.c.send_id).where(planned_send.c.state == "delivered").limit(1)
            )
        app.as_owner_of(DEFAULT_TENANT).sends.report(
            delivered, {"kind": "response", "occurred_at": None}
        )
        app.rounds.meter()
    keep()
    assert bring_back(tmp_path / "soon").settled.maybe_closed == {}
    clock.advance(31 * 24 * 60 * MINUTE + GRACE)
    assert bring_back(tmp_path / "late").settled.maybe_closed == {"default": ["2026-10"]}
