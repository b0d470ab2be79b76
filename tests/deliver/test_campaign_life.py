"""Campaigns that are paused and revised while dispatchers are at work, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from deliver.campaign_life import HOUR, MINUTE, SALE, TENANT, Life, a_campaign, a_plan, told
from deliver.conftest import Scripted

from sendopt.clock import VirtualClock
from sendopt.deliver import DispatchReport
from sendopt.deliver.providers import SimulatorProvider
from sendopt.errors import Conflict
from sendopt.records import (
    Accepted,
    Arm,
    CampaignPhase,
    EndReason,
    Retry,
    SendId,
)
from sendopt.state import State, audit, campaigns, pauses, plans
from sendopt.state.pauses import ResumeReport
from sendopt.state.revisions import RevisionReport
from sendopt.state.tables import app_user, decision, planned_send
from sendopt.state.tables_campaigns import campaign, campaign_revision, variant
from sendopt.state.unchanged import changed


@pytest.fixture
def life(state: State, clock: VirtualClock) -> Life:
    return Life(state, clock)


def test_nothing_of_a_paused_campaign_goes_out_and_all_of_it_does_afterwards(
    life, dispatcher, clock
):
    seen = []
    at_work = dispatcher(SimulatorProvider(seen.append))
    assert life.phase() is CampaignPhase.COMMITTED
    assert (life.pause(), life.pause()) == (True, False)
    clock.advance(HOUR + 10 * MINUTE)
    assert at_work.dispatch_due() == DispatchReport(postponed=10)
    assert at_work.dispatch_due() == DispatchReport()
    assert (life.counts(), life.phase()) == ({"planned": 10}, CampaignPhase.PAUSED)
    assert life.resume() == ResumeReport(expired_count=0, overdue_count=10)
    assert life.resume() is None
    assert at_work.dispatch_due() == DispatchReport(delivered=10)
    assert (life.counts(), len(seen)) == ({"delivered": 10}, 10)
    assert life.phase() is CampaignPhase.COMMITTED  # others may join until its window is over
    clock.advance(9 * HOUR)
    assert life.phase() is CampaignPhase.ENDED


@pytest.mark.parametrize("looks", ["at its time", "after the resume", "once it is too late"])
def test_what_expires_while_its_campaign_is_paused_ends_and_says_so(life, dispatcher, clock, looks):
    at_work = dispatcher(SimulatorProvider())
    life.pause()
    clock.advance(HOUR + 10 * MINUTE)
    if looks == "at its time":
        assert at_work.dispatch_due() == DispatchReport(postponed=10)
    clock.advance(HOUR)
    if looks == "once it is too late":
        assert at_work.dispatch_due() == DispatchReport(expired=10)
    ended = 10 if looks == "once it is too late" else 0
    assert life.resume() == ResumeReport(expired_count=10 - ended, overdue_count=0)
    life.pause()  # of a pause that begins later it is not said
    assert at_work.dispatch_due() == DispatchReport(expired=10 - ended)
    assert life.ends() == {("expired", "campaign_paused")}


@pytest.mark.parametrize("looks", ["while it is paused", "after the resume"])
def test_a_pause_does_not_hide_that_a_user_opted_out(life, dispatcher, clock, looks):
    life.pause()
    with life.state.write(TENANT) as tx:
        tx.execute(sa.update(app_user).values(opted_out_at=clock.now()))
    clock.advance(3 * HOUR)
    at_work = dispatcher(SimulatorProvider())
    if looks == "while it is paused":
        at_work.dispatch_due()
    life.resume()
    at_work.dispatch_due()
    assert life.ends() == {("suppressed", "opted_out")}


def dies_over_it(_message: Any, _number: int) -> Any:
    raise MemoryError


@pytest.mark.parametrize("end", ["resumed too late", "expired", "cancelled", "cancelled by itself"])
@pytest.mark.parametrize("looks", [True, False])
def test_what_may_have_arrived_before_a_pause_is_never_said_not_to_be_sent(
    life, dispatcher, clock, end, looks
):
    clock.advance(HOUR)
    with pytest.raises(MemoryError):
        dispatcher(Scripted(clock, dies_over_it)).dispatch_batch()
    life.pause()
    at_work = dispatcher(SimulatorProvider(), owner="another")
    clock.advance(5 * MINUTE)
    if looks:
        assert at_work.dispatch_due().postponed >= 1
    if end == "cancelled":
        with life.state.write(TENANT) as tx:
            plans.cancel_campaign(tx, SALE, reason=EndReason.CAMPAIGN_CANCELLED, now=clock.now())
    elif end == "cancelled by itself" and looks:
        with life.state.write(TENANT) as tx:
            assert plans.cancel_send(tx, SendId("s-0"), reason=EndReason.SEND_CANCELLED)
    clock.advance(3 * HOUR)
    if end == "resumed too late":
        life.resume()
    at_work.dispatch_due()
    row = life.rows()["user-0"]
    assert (row.state, row.reason) == ("expired", "outcome_unknown")
    with life.state.write(TENANT) as tx:
        assert not plans.cancel_send(tx, SendId("s-0"), reason=EndReason.SEND_CANCELLED)
    assert life.rows()["user-0"] == row


def test_what_may_have_arrived_is_tried_again_after_a_pause(life, dispatcher, clock):
    clock.advance(HOUR)
    with pytest.raises(MemoryError):
        dispatcher(Scripted(clock, dies_over_it)).dispatch_batch()
    life.pause()
    clock.advance(15 * MINUTE)
    at_work = dispatcher(SimulatorProvider(), owner="another")
    assert at_work.dispatch_due() == DispatchReport(postponed=10)
    assert life.resume() == ResumeReport(expired_count=0, overdue_count=10)
    assert at_work.dispatch_due() == DispatchReport(delivered=10)


def test_what_had_expired_before_the_pause_was_too_late(life, dispatcher, clock):
    clock.advance(3 * HOUR)
    life.pause()
    life.resume()
    assert dispatcher(SimulatorProvider()).dispatch_due() == DispatchReport(expired=10)
    assert life.ends() == {("expired", "too_late")}


def test_a_retry_waits_for_its_campaign_too(life, dispatcher, clock):
    at_work = dispatcher(
        Scripted(clock, lambda _, number: Retry("busy") if number == 1 else Accepted())
    )
    clock.advance(HOUR + 10 * MINUTE)
    assert at_work.dispatch_batch() == DispatchReport(postponed=10)
    life.pause()
    clock.advance(20 * MINUTE)
    assert at_work.dispatch_due() == DispatchReport(postponed=10)
    life.resume()
    assert at_work.dispatch_due() == DispatchReport(delivered=10)


@pytest.mark.parametrize("act", [pauses.pause, pauses.resume])
def test_only_what_goes_out_can_be_paused(state, clock, act):
    now = clock.now()
    with state.write(TENANT) as tx:
        campaigns.put_campaign(tx, a_campaign(now), told(1), rules={"version": 1}, now=now)
        with pytest.raises(Conflict) as refused:
            act(tx, SALE, now=now)
        assert refused.value.code == "campaign_not_committed"
        plans.cancel_campaign(tx, SALE, reason="campaign_cancelled", now=now)
        with pytest.raises(Conflict) as refused:
            act(tx, SALE, now=now)
        assert refused.value.code == "campaign_cancelled"


def test_a_revision_is_for_all_who_have_not_been_sent_to(life, dispatcher, clock):
    seen = []
    at_work = dispatcher(SimulatorProvider(seen.append))
    clock.advance(HOUR + 3 * MINUTE)
    assert at_work.dispatch_due() == DispatchReport(delivered=4)
    # 0 to 3 have the first one. 4 leaves the audience, 9 opts out, 10 and 11 join it.
    plan = a_plan(clock.now() + HOUR, {*range(1, 12)} - {4}, 2, suppressed={9})
    assert life.revise(plan) == RevisionReport(
        revision=2,
        planned_count=6,
        suppressed_count=1,
        withdrawn_count=1,
        kept_count=3,
        ended_count=0,
    )
    assert life.counts() == {"delivered": 4, "planned": 6, "suppressed": 1, "cancelled": 1}
    assert life.rows()["user-4"].reason == "campaign_revised"
    clock.advance(HOUR + 15 * MINUTE)
    assert at_work.dispatch_due() == DispatchReport(delivered=6)
    titles = {message.user_id: message.variant.title for message in seen}
    assert len(seen) == len(titles) == 10
    first = {f"user-{number}" for number in range(4)}
    assert {user for user, title in titles.items() if title == "The 1. title"} == first
    # Who was left out, or could not be reached, may be meant by the next one.
    again = a_plan(clock.now() + HOUR, [4, 9], 3)
    assert life.revise(again).planned_count == 2
    with life.state.read_fleet() as tx:
        for table in (planned_send, decision, campaign, campaign_revision, variant):
            assert list(changed(tx, table)) == []
        assert list(audit.sends(tx)) == []


def test_what_was_tried_stays_with_its_revision(life, dispatcher, clock):
    """A message whose hand-over timed out may have arrived."""
    provider = Scripted(clock, lambda _, number: Retry("busy") if number == 1 else Accepted())
    clock.advance(HOUR)
    assert dispatcher(provider).dispatch_batch() == DispatchReport(postponed=1)
    report = life.revise(a_plan(clock.now() + HOUR, range(10), 2))
    assert (report.planned_count, report.kept_count) == (9, 1)
    clock.advance(30 * MINUTE)
    assert dispatcher(provider).dispatch_due() == DispatchReport(delivered=1)
    assert {each.variant.title for _, each in provider.handed_over} == {"The 1. title"}


def test_whom_an_outage_kept_from_it_gets_the_revision(life, dispatcher, clock):
    clock.advance(3 * HOUR)
    at_work = dispatcher(SimulatorProvider())
    assert at_work.dispatch_due() == DispatchReport(expired=10)
    assert life.ends() == {("expired", "too_late")}
    assert life.revise(a_plan(clock.now(), range(10), 2)).planned_count == 10
    clock.advance(10 * MINUTE)
    assert at_work.dispatch_due() == DispatchReport(delivered=10)


#: What an earlier revision left of sends that nobody has ever tried.
_ENDS = dict.fromkeys(EndReason, "planned") | {
    "accepted": "kept",
    "send_cancelled": "ended",
    "user_erased": "ended",
    "campaign_cancelled": "ended",
    "outcome_unknown": "kept",  # it was held after a restore
}


def test_a_revision_is_for_whoever_was_never_tried_however_that_ended(life, clock):
    life.revise(a_plan(clock.now() + HOUR, range(10), 2))
    for revision, reason in enumerate(EndReason, 3):
        with life.state.write(TENANT) as tx:
            tx.execute(
                sa.update(planned_send)
                .where(planned_send.c.send_id == "s-1")
                .values(state=reason.state, reason=reason, ready_at=None)
            )
        report = life.revise(a_plan(clock.now() + HOUR, [1], revision))
        counts = (report.planned_count, report.kept_count, report.ended_count)
        assert (
            counts
            == {
                "planned": (1, 0, 0),
                "kept": (0, 1, 0),
                "ended": (0, 0, 1),
            }[_ENDS[reason]]
        ), reason


@pytest.mark.parametrize("fence", [0, 1])
def test_damage_is_mended_by_a_revision_unless_it_may_have_gone_out(life, clock, fence):
    """What was held after a restore has a fence, and no attempt that this state knows."""
    with life.state.write(TENANT) as tx:
        tx.execute(
            sa.update(planned_send)
            .where(planned_send.c.send_id == "s-1")
            .values(state="failed", reason="record_damaged", arm="neither", fence=fence)
        )
    report = life.revise(a_plan(clock.now() + HOUR, [1], 2))
    assert (report.planned_count, report.kept_count) == ((1, 0) if fence == 0 else (0, 1))


def test_a_damaged_count_of_attempts_reaches_nobody_twice(life, dispatcher, clock):
    clock.advance(HOUR)
    assert dispatcher(
        Scripted(clock, lambda _, __: Retry("timeout"))
    ).dispatch_batch() == DispatchReport(postponed=1)
    with life.state.write(TENANT) as tx:
        tx.execute(
            sa.update(planned_send).where(planned_send.c.send_id == "s-0").values(attempt_count=0)
        )
    report = life.revise(a_plan(clock.now() + HOUR, [0], 2))
    assert (report.planned_count, report.kept_count) == (0, 1)


def test_a_revision_of_something_else_is_refused(life, clock):
    plan = a_plan(clock.now() + HOUR, range(10), 2)
    life.revise(plan)
    for refused, code in (
        (plan, "campaign_changed"),
        (replace(plan, revision=4), "campaign_changed"),
    ):
        with pytest.raises(Conflict) as refusal:
            life.revise(refused)
        assert refusal.value.code == code
    sides = replace(
        plan, revision=3, sends=tuple(replace(each, arm=Arm.HOLDOUT) for each in plan.sends)
    )
    with pytest.raises(Conflict) as refusal:
        life.revise(sides)
    assert refusal.value.code == "arm_changed"
    with life.state.write(TENANT) as tx, pytest.raises(Conflict) as refusal:
        plans.commit(tx, a_plan(clock.now(), range(12)), now=clock.now())
    assert refusal.value.code == "campaign_changed"
    assert {row.revision for row in life.rows().values()} == {2}


def test_a_revision_while_dispatchers_are_at_work_reaches_everybody_once(life, dispatcher, clock):
    seen = []
    clock.advance(HOUR + 10 * MINUTE)
    providers = [SimulatorProvider(seen.append) for _ in range(2)]
    workers = [
        dispatcher(provider, owner=f"worker {number}", batch=1)
        for number, provider in enumerate(providers)
    ]
    start = threading.Barrier(3)

    def dispatch(worker: Any) -> None:
        start.wait()
        worker.dispatch_due()

    def revise() -> None:
        start.wait()
        for revision in (2, 3, 4):
            life.revise(a_plan(clock.now() - 20 * MINUTE, range(12), revision))

    with ThreadPoolExecutor(3) as pool:
        for each in [pool.submit(dispatch, worker) for worker in workers] + [pool.submit(revise)]:
            each.result()
    workers[0].dispatch_due()
    assert sorted(message.user_id for message in seen) == sorted(life.rows())
    assert life.counts() == {"delivered": 12}
    by_revision = {user: f"The {row.revision}. title" for user, row in life.rows().items()}
    assert {message.user_id: message.variant.title for message in seen} == by_revision
