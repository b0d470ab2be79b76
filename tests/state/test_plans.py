"""Plans are committed once a person, whoever commits them, however often, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from sendopt.errors import Conflict, InvariantBroken, NotFound, StoreFailure
from sendopt.records import (
    Arm,
    Campaign,
    CampaignId,
    Channel,
    Decision,
    DeviceId,
    Plan,
    PlannedSend,
    SendId,
    SendState,
    ServedBy,
    Slot,
    TenantId,
    UserId,
    Variant,
    VariantId,
)
from sendopt.state import State, audit, campaigns, plans
from sendopt.state.tables import planned_send
from sendopt.state.tables_campaigns import campaign, campaign_revision, variant
from sendopt.state.unchanged import changed

TENANT, OTHER = TenantId("default"), TenantId("other")
SALE = CampaignId("autumn-sale")
DEFINITION = {"campaign_id": "autumn-sale", "variants": [{"title": "Sale"}], "slot_minutes": 60}
HOUR = timedelta(hours=1)


def a_campaign(now: datetime) -> Campaign:
    return Campaign(
        campaign_id=SALE,
        variants=(
            Variant(VariantId("plain"), "Sale", "Half price", "https://shop.example/"),
            Variant(VariantId("loud"), "SALE", "HALF PRICE"),
        ),
        channel=Channel.SIMULATOR,
        earliest_at=now,
        latest_at=now + 24 * HOUR,
    )


def single(number: float) -> float:
    """Return the nearest number of single precision, in which scores are kept."""
    return float(np.float32(number))


def a_plan(now: datetime, users: range, *, tenant_id: TenantId = TENANT) -> Plan:
    """Plan `users`, every tenth of them suppressed."""
    sends = []
    decisions = []
    for number in users:
        reached = number % 10 != 0
        due_at = now + timedelta(hours=1, microseconds=number) if reached else None
        send_id = SendId(f"s_{tenant_id}_{number}")
        sends.append(
            PlannedSend(
                tenant_id=tenant_id,
                send_id=send_id,
                campaign_id=SALE,
                variant_id=VariantId("plain"),
                user_id=UserId(f"user-{number}"),
                device_id=DeviceId(f"device-{number}") if reached else None,
                channel=Channel.SIMULATOR,
                due_at=due_at,
                expires_at=due_at and due_at + HOUR,
                state=SendState.PLANNED if reached else SendState.SUPPRESSED,
                reason=None if reached else "opted_out",
                arm=Arm.HOLDOUT if number % 3 else Arm.OPTIMISED,
            )
        )
        decisions.append(
            Decision(
                send_id=send_id,
                slots=(
                    Slot(now, single(0.1 + 0.2), "quiet_hours"),
                    Slot(due_at or now + HOUR, single(1 / 3), None, 0.75),
                    Slot(now + 2 * HOUR, None, None),
                ),
                chosen_at=due_at,
                propensity=1.0 if reached else None,
                policy="greedy" if reached else "none",
                binding_constraint="quiet_hours" if reached else None,
                fallback_reason=None,
                model_version="3",
                log_snapshot=2**40,
                timezone="Europe/Berlin",
                timezone_source="inferred",
                served_by=ServedBy.LAST_GOOD if reached else None,
                gain_probability=2 / 3 if reached else None,
                abstention_reason="gain_not_proven" if reached else None,
                explored=number % 2 == 0 if reached else None,
                exploration_bound_by="urgent" if reached else None,
                variant_propensity=0.1 + 0.2 if reached else None,
                variant_evidence="too_little_data" if reached else None,
                variant_confidence=0.7 if reached else None,
                timezone_confidence=0.9 if reached else None,
                quiet_offsets=(-300, 345) if reached else None,
                zone_database="2026f",
            )
        )
    return Plan(tenant_id, SALE, tuple(sends), tuple(decisions))


@pytest.fixture
def put(state: State, now: datetime) -> None:
    """The campaign is there, for two tenants."""
    with state.write_fleet() as tx:
        for tenant_id in (TENANT, OTHER):
            campaigns.put_campaign(
                tx.of(tenant_id), a_campaign(now), DEFINITION, rules={"version": 1}, now=now
            )


def counts(state: State, tenant_id: TenantId = TENANT) -> dict[SendState, int]:
    with state.read(tenant_id) as tx:
        return {name: count for name, count in plans.campaign_counts(tx, SALE).items() if count}


def test_a_campaign_comes_back_as_it_was_given(state: State, now: datetime) -> None:
    with state.write(TENANT) as tx:
        put = campaigns.put_campaign(tx, a_campaign(now), DEFINITION, rules={"version": 1}, now=now)
        assert put is campaigns.Put.CREATED
    with state.read_fleet() as tx:
        stored = campaigns.get_campaign(tx.of(TENANT), SALE)
        wordings = sa.select(*(each for each in variant.c if each.name != "row_hash"))
        variants = tx.execute(wordings.order_by(variant.c.variant_id)).all()
    assert stored == campaigns.StoredCampaign(
        campaign_id=SALE,
        revision=1,
        created_at=now,
        committed_at=None,
        paused_at=None,
        cancelled_at=None,
        definition=DEFINITION,
        rules={"version": 1},
        changed_at=now,
    )
    assert [tuple(row) for row in variants] == [
        (TENANT, SALE, 1, "loud", "SALE", "HALF PRICE", None),
        (TENANT, SALE, 1, "plain", "Sale", "Half price", "https://shop.example/"),
    ]


def put_again(state: State, now: datetime, definition: Any, title: str = "Sale") -> campaigns.Put:
    words = tuple(replace(each, title=title) for each in a_campaign(now).variants)
    campaign = replace(a_campaign(now), variants=words)
    with state.write(TENANT) as tx:
        return campaigns.put_campaign(
            tx, campaign, definition, rules={"version": 1, "of": title}, now=now + HOUR
        )


CHANGED = {**DEFINITION, "slot_minutes": 30}


def test_the_same_definition_is_a_repeat(state: State, now: datetime, put: None) -> None:
    reordered = dict(reversed(DEFINITION.items()))
    assert put_again(state, now, reordered) is campaigns.Put.REPEATED
    with state.read(TENANT) as tx:
        stored = campaigns.get_campaign(tx, SALE)
    assert (stored.created_at, stored.rules) == (now, {"version": 1})


def test_a_draft_takes_another_definition(state: State, now: datetime, put: None) -> None:
    assert put_again(state, now, CHANGED, "News") is campaigns.Put.CHANGED
    assert put_again(state, now, CHANGED, "News") is campaigns.Put.REPEATED
    with state.read_fleet() as tx:
        stored = campaigns.get_campaign(tx.of(TENANT), SALE)
        assert stored.definition == CHANGED
        assert (stored.created_at, stored.changed_at) == (now, now + HOUR)
        assert stored.rules == {"version": 1, "of": "News"}
        of_ours = sa.select(variant.c.title).where(variant.c.tenant_id == TENANT)
        assert {*tx.scalars(of_ours)} == {"News"}
        theirs = campaigns.get_campaign(tx.of(OTHER), SALE)
        assert theirs.definition == DEFINITION
        for table in (campaign, campaign_revision, variant):
            assert list(changed(tx, table)) == []


def test_a_draft_of_an_earlier_release_is_accepted_when_it_is_put_again(
    state: State, now: datetime, put: None
) -> None:
    with state.write(TENANT) as tx:
        unknown = {"rules": None, "row_hash": None}
        tx.execute(sa.update(campaign_revision).values(**unknown))
    assert put_again(state, now, DEFINITION) is campaigns.Put.REPEATED
    with state.read(TENANT) as tx:
        assert campaigns.get_campaign(tx, SALE).rules == {"version": 1, "of": "Sale"}


@pytest.mark.parametrize("ending", ["committed", "cancelled"])
def test_what_was_committed_or_cancelled_takes_no_other_definition(
    state: State, now: datetime, put: None, ending: str
) -> None:
    with state.write(TENANT) as tx:
        if ending == "committed":
            plans.commit(tx, a_plan(now, range(2)), now=now)
        else:
            plans.cancel_campaign(tx, SALE, reason="campaign_cancelled", now=now)
    with pytest.raises(Conflict) as refusal:
        put_again(state, now, CHANGED)
    expected = {"committed": "campaign_conflict", "cancelled": "campaign_cancelled"}
    assert refusal.value.code == expected[ending]
    assert put_again(state, now, DEFINITION) is campaigns.Put.REPEATED


def test_a_plan_of_a_definition_that_was_changed_meanwhile_is_not_committed(
    state: State, now: datetime, put: None
) -> None:
    put_again(state, now, CHANGED)
    with state.write(TENANT) as tx:
        campaigns.require_definition(tx, SALE, CHANGED)
        with pytest.raises(Conflict) as refusal:
            campaigns.require_definition(tx, SALE, DEFINITION)
    assert refusal.value.code == "campaign_changed"


def test_a_send_comes_back_with_its_decision_to_the_last_bit(
    state: State, now: datetime, put: None
) -> None:
    plan = a_plan(now, range(12))
    with state.write(TENANT) as tx:
        report = plans.commit(tx, plan, now=now)
    assert report == plans.CommitReport(planned_count=10, suppressed_count=2, repeated_count=0)
    with state.read_fleet() as tx:
        for send, reason in zip(plan.sends, plan.decisions, strict=True):
            stored = plans.get_send(tx.of(TENANT), send.send_id)
            assert stored == plans.StoredSend(
                send, reason, 1, now, 0, send.due_at, None, None, (), ()
            )
        assert campaigns.get_campaign(tx.of(TENANT), SALE).committed_at == now
        ready = dict(tx.execute(sa.select(planned_send.c.send_id, planned_send.c.ready_at)).all())
        due = plans.due_times(tx.of(TENANT), SALE)
    assert ready == {send.send_id: send.due_at for send in plan.sends}
    assert due == {send.user_id: send.due_at for send in plan.sends if send.due_at is not None}


def test_committing_again_adds_only_who_joined_since(
    state: State, now: datetime, put: None
) -> None:
    with state.write(TENANT) as tx:
        plans.commit(tx, a_plan(now, range(20)), now=now)
    later = a_plan(now + HOUR, range(25))
    with state.write(TENANT) as tx:
        report = plans.commit(tx, later, now=now + HOUR)
    assert report == plans.CommitReport(planned_count=4, suppressed_count=1, repeated_count=20)
    with state.read(TENANT) as tx:
        assert plans.get_send(tx, SendId("s_default_7")).planned_at == now
        assert plans.get_send(tx, SendId("s_default_22")).planned_at == now + HOUR
        assert campaigns.get_campaign(tx, SALE).committed_at == now


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Run `actions` in threads that start together; return what each returned or raised."""
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return action()
        except Conflict as refusal:
            return refusal.code

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def test_commits_at_once_from_two_processes_write_each_send_once(
    state_url: str, now: datetime, state: State, put: None
) -> None:
    ranges = [(0, 4000), (2000, 6000)]
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, state_url, now.isoformat(), str(first), str(end)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for first, end in ranges
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    written = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(written) == 6000
    assert counts(state) == {SendState.PLANNED: 5400, SendState.SUPPRESSED: 600}
    with state.read_fleet() as tx:
        decided = sa.select(sa.func.count()).where(planned_send.c.basis.is_not(None))
        assert tx.scalar(decided) == 6000
        assert list(audit.sends(tx)) == []


def commit_when_told(url: str, now: datetime, users: range) -> None:
    """Be one of the two processes; say how many sends were written."""
    plan = a_plan(now, users)
    state = State(url)
    print("ready", flush=True)
    sys.stdin.readline()
    with state.write(TENANT) as tx:
        report = plans.commit(tx, plan, now=now)
    print(report.planned_count + report.suppressed_count)


def test_a_commit_that_fails_leaves_nothing(state: State, now: datetime, put: None) -> None:
    plan = a_plan(now, range(20))
    broken = replace(
        plan,
        sends=(*plan.sends, plan.sends[0]),
        decisions=(*plan.decisions, plan.decisions[0]),
    )
    with pytest.raises(StoreFailure), state.write(TENANT) as tx:
        plans.commit(tx, broken, now=now)
    assert counts(state) == {}
    with state.read(TENANT) as tx:
        assert campaigns.get_campaign(tx, SALE).committed_at is None


def test_a_cancelled_campaign_keeps_what_was_handed_over_and_plans_no_more(
    state: State, now: datetime, put: None
) -> None:
    with state.write_fleet() as tx:
        plans.commit(tx.of(TENANT), a_plan(now, range(20)), now=now)
        tx.execute(
            sa.update(planned_send)
            .where(planned_send.c.send_id == "s_default_7")
            .values(state=SendState.DELIVERED)
        )
    with state.write(TENANT) as tx:
        assert plans.cancel_campaign(tx, SALE, reason="changed_mind", now=now) == 17
    with state.write(TENANT) as tx:
        assert plans.cancel_campaign(tx, SALE, reason="again", now=now + HOUR) == 0
    assert counts(state) == {
        SendState.CANCELLED: 17,
        SendState.DELIVERED: 1,
        SendState.SUPPRESSED: 2,
    }
    with state.read(TENANT) as tx:
        assert campaigns.get_campaign(tx, SALE).cancelled_at == now
        assert plans.get_send(tx, SendId("s_default_8")).send.reason == "changed_mind"
    with state.write(TENANT) as tx, pytest.raises(Conflict) as refusal:
        plans.commit(tx, a_plan(now, range(30)), now=now)
    assert refusal.value.code == "campaign_cancelled"


def test_cancelling_while_committing_never_leaves_a_planned_send(
    state: State, now: datetime, put: None
) -> None:
    def commit() -> None:
        with state.write(TENANT) as tx:
            plans.commit(tx, a_plan(now, range(300)), now=now)

    def cancel() -> None:
        with state.write(TENANT) as tx:
            plans.cancel_campaign(tx, SALE, reason="changed_mind", now=now)

    at_once(commit, cancel)
    assert SendState.PLANNED not in counts(state)


def test_sends_are_counted_by_tenant_and_state_with_the_earliest_due(
    state: State, now: datetime, put: None
) -> None:
    with state.write_fleet() as tx:
        assert plans.send_counts(tx) == []
        plans.commit(tx.of(TENANT), a_plan(now, range(3, 23)), now=now)
        plans.commit(tx.of(OTHER), a_plan(now, range(10, 11), tenant_id=OTHER), now=now)
        plans.cancel_send(tx.of(TENANT), SendId("s_default_3"), reason="test")
    with state.read_fleet() as tx:
        found = plans.send_counts(tx)
    due = now + HOUR
    assert found == [
        plans.SendCount(TENANT, SendState.CANCELLED, 1, due + timedelta(microseconds=3)),
        plans.SendCount(TENANT, SendState.PLANNED, 17, due + timedelta(microseconds=4)),
        plans.SendCount(TENANT, SendState.SUPPRESSED, 2, None),
        plans.SendCount(OTHER, SendState.SUPPRESSED, 1, None),
    ]


def test_one_send_is_cancelled_only_while_it_is_planned(
    state: State, now: datetime, put: None
) -> None:
    with state.write_fleet() as tx:
        plans.commit(tx.of(TENANT), a_plan(now, range(1, 4)), now=now)
        tx.execute(
            sa.update(planned_send)
            .where(planned_send.c.send_id == "s_default_2")
            .values(state=SendState.CLAIMED)
        )
    with state.write(TENANT) as tx:
        for _ in range(2):
            plans.cancel_send(tx, SendId("s_default_1"), reason="changed_mind")
    with state.write(TENANT) as tx, pytest.raises(Conflict) as refusal:
        plans.cancel_send(tx, SendId("s_default_2"), reason="changed_mind")
    assert refusal.value.code == "send_not_planned"
    assert counts(state) == {
        SendState.CANCELLED: 1,
        SendState.CLAIMED: 1,
        SendState.PLANNED: 1,
    }


def test_another_tenants_rows_look_like_none(state: State, now: datetime, put: None) -> None:
    with state.write_fleet() as tx:
        plans.commit(tx.of(TENANT), a_plan(now, range(20)), now=now)
        plans.commit(tx.of(OTHER), a_plan(now, range(5), tenant_id=OTHER), now=now)
    refusals = []
    for send_id in (SendId("s_default_7"), SendId("s_nobody")):
        with state.write(OTHER) as tx:
            with pytest.raises(NotFound) as refusal:
                plans.get_send(tx, send_id)
            refusals.append(str(refusal.value))
            with pytest.raises(NotFound) as refusal:
                plans.cancel_send(tx, send_id, reason="mine")
            refusals.append(str(refusal.value))
    assert len(set(refusals)) == 1
    with state.write(OTHER) as tx, pytest.raises(NotFound) as refusal:
        plans.cancel_campaign(tx, CampaignId("unknown"), reason="mine", now=now)
    assert refusal.value.code == "campaign_unknown"
    with state.write(OTHER) as tx:
        plans.cancel_campaign(tx, SALE, reason="mine", now=now)
    assert counts(state) == {SendState.PLANNED: 18, SendState.SUPPRESSED: 2}
    assert counts(state, OTHER) == {SendState.CANCELLED: 4, SendState.SUPPRESSED: 1}
    with state.write(OTHER) as tx, pytest.raises(InvariantBroken) as broken:
        plans.commit(tx, a_plan(now, range(30)), now=now)
    assert broken.value.code == "foreign_plan"


@pytest.mark.slow
def test_a_hundred_thousand_sends_are_committed_in_seconds(
    state: State, now: datetime, put: None
) -> None:
    plan = a_plan(now, range(100_000))
    with state.write(TENANT) as tx:
        assert plans.commit(tx, plan, now=now).planned_count == 90_000
    with state.write(TENANT) as tx:
        assert plans.commit(tx, plan, now=now).repeated_count == 100_000


if __name__ == "__main__":
    commit_when_told(
        sys.argv[1],
        datetime.fromisoformat(sys.argv[2]),
        range(int(sys.argv[3]), int(sys.argv[4])),
    )
