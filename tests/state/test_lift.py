"""What became of armed sends, read on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from state.test_plans import HOUR, OTHER, SALE, TENANT, a_campaign, a_plan

from sendopt.records import (
    Arm,
    CampaignId,
    Click,
    EventType,
    Plan,
    Response,
    ResponseKind,
    SendId,
    UserId,
)
from sendopt.state import FleetWrite, State, campaigns, engagement, lift, plans, users
from sendopt.state.lift import ArmedSends
from sendopt.state.tables import planned_send

WINDOW = 2 * HOUR
NEWS = CampaignId("news")


def in_arms(plan: Plan) -> Plan:
    """Users with an even number are optimised, the others held out."""
    sends = tuple(
        replace(send, arm=Arm.OPTIMISED if number % 2 == 0 else Arm.HOLDOUT)
        for number, send in enumerate(plan.sends)
    )
    return replace(plan, sends=sends)


@pytest.fixture
def answered(state: State, now: datetime) -> None:
    """Six sends of each of two tenants, handed over an hour ago, and what was done with them."""
    with state.write_fleet() as tx:
        for tenant_id in (TENANT, OTHER):
            campaigns.put_campaign(
                tx.of(tenant_id), a_campaign(now), {"of": tenant_id}, rules={"version": 1}, now=now
            )
            plan = in_arms(a_plan(now, range(6), tenant_id=tenant_id))
            plans.commit(tx.of(tenant_id), plan, now=now)
            tx.execute(
                sa.update(planned_send)
                .where(planned_send.c.tenant_id == tenant_id, planned_send.c.due_at.is_not(None))
                .values(handed_over_at=now)
            )
        did(tx, 1, ResponseKind.OPEN, now + HOUR)
        did(tx, 2, ResponseKind.OPEN, now + WINDOW)  # too late
        did(tx, 3, ResponseKind.DISMISSAL, now)
        did(tx, 3, ResponseKind.RESPONSE, now + HOUR)
        click = Click(
            "c1", SendId(f"s_{TENANT}_4"), "link", now + HOUR, "a browser", filtered_reason=None
        )
        engagement.add_click(tx.of(TENANT), click)
        users.opt_out(tx.of(TENANT), UserId("user-5"), at=now + HOUR, now=now + HOUR)


def did(tx: FleetWrite, number: int, kind: ResponseKind, at: datetime) -> None:
    answer = Response(SendId(f"s_{TENANT}_{number}"), kind, at)
    engagement.add_response(tx.of(TENANT), answer, filtered_reason=None)


def by_user(row: ArmedSends) -> tuple[int, int]:
    return row.user, row.optimised


def rows(
    state: State, outcome: EventType = EventType.OPEN, *, since: datetime | None = None
) -> list[ArmedSends]:
    with state.read(TENANT) as tx:
        found = lift.armed_sends(tx, [[NEWS], [SALE]], outcome=outcome, window=WINDOW, since=since)
        return sorted(found, key=by_user)


def test_every_send_counts_in_its_arm_with_what_its_user_did(state: State, answered: None) -> None:
    found = rows(state)
    assert [row.user for row in found] == list(range(6))
    assert [row.optimised for row in found] == [1, 0] * 3
    assert {row.stratum for row in found} == {1}
    assert [row.sent for row in found] == [1] * 6
    assert [row.answered for row in found] == [0, 1, 0, 0, 0, 0]
    assert [row.dismissed for row in found] == [0, 0, 0, 1, 0, 0]
    assert [row.opted_out for row in found] == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(("outcome", "who"), [("response", 3), ("click", 4)])
def test_another_outcome_is_another_answer(
    state: State, answered: None, outcome: str, who: int
) -> None:
    found = rows(state, EventType(outcome))
    assert [row.user for row in found if row.answered] == [who]


def test_a_users_sends_are_counted_together_by_arm_and_stratum(
    state: State, answered: None, now: datetime
) -> None:
    """Of two more campaigns, one is of the sale's stratum with the arms turned around."""
    again, apart = CampaignId("again"), CampaignId("apart")
    with state.write_fleet() as tx:
        for name in (again, apart):
            plan = in_arms(a_plan(now, range(7)))
            sends = tuple(
                replace(
                    send,
                    campaign_id=name,
                    send_id=SendId(f"{name}-{send.send_id}"),
                    arm=plan.sends[at + (name == again)].arm,
                )
                for at, send in enumerate(plan.sends[:6])
            )
            decisions = tuple(
                replace(decision, send_id=send.send_id)
                for decision, send in zip(plan.decisions, sends, strict=False)
            )
            campaign = replace(a_campaign(now), campaign_id=name)
            campaigns.put_campaign(
                tx.of(TENANT), campaign, {"is": name}, rules={"version": 1}, now=now
            )
            plan = replace(plan, campaign_id=name, sends=sends, decisions=decisions)
            plans.commit(tx.of(TENANT), plan, now=now)
        tx.execute(
            sa.update(planned_send)
            .where(planned_send.c.campaign_id == apart, planned_send.c.due_at.is_not(None))
            .values(handed_over_at=now)
        )
        opened = Response(SendId(f"{apart}-s_{TENANT}_1"), ResponseKind.OPEN, now + HOUR)
        engagement.add_response(tx.of(TENANT), opened, filtered_reason=None)
    with state.read(TENANT) as tx:
        found = sorted(
            lift.armed_sends(
                tx,
                [[SALE, apart], [again]],
                outcome=EventType.OPEN,
                window=WINDOW,
                since=None,
            ),
            key=by_user,
        )
    told = [(row.user, row.optimised, row.stratum, row.sent, row.answered) for row in found]
    assert told[:4] == [(0, 0, 1, 1, 0), (0, 1, 0, 2, 0), (1, 0, 0, 2, 2), (1, 1, 1, 1, 0)]
    assert sum(row.sent for row in found) == 18


def test_only_what_was_planned_since_counts(state: State, answered: None, now: datetime) -> None:
    assert len(rows(state, since=now)) == 6
    assert rows(state, since=now + HOUR) == []
    with state.read(TENANT) as tx:
        assert lift.experiment_campaigns(tx, since=now + HOUR) == []
        (found,) = lift.experiment_campaigns(tx, since=now)
    assert (found.campaign_id, found.definition) == (SALE, {"of": TENANT})


def test_the_past_is_what_closed_before_the_experiment(
    state: State, answered: None, now: datetime
) -> None:
    """A campaign without arms, handed over three hours before; one answered it in time."""
    before = now - 3 * HOUR
    with state.write_fleet() as tx:
        campaign = replace(a_campaign(before), campaign_id=NEWS)
        campaigns.put_campaign(
            tx.of(TENANT), campaign, {"is": "news"}, rules={"version": 1}, now=before
        )
        old = a_plan(before, range(101, 104))
        sends = tuple(
            replace(send, campaign_id=NEWS, arm=None, user_id=UserId(f"user-{number}"))
            for number, send in enumerate(old.sends, start=1)
        )
        plans.commit(tx.of(TENANT), replace(old, campaign_id=NEWS, sends=sends), now=before)
        of_news = planned_send.c.campaign_id == NEWS
        tx.execute(sa.update(planned_send).where(of_news).values(handed_over_at=before))
        did(tx, 101, ResponseKind.OPEN, before + HOUR)
        late = planned_send.c.send_id == f"s_{TENANT}_103"
        closes_later = now - WINDOW + timedelta(microseconds=1)
        tx.execute(sa.update(planned_send).where(late).values(handed_over_at=closes_later))
    past = {row.user: (row.past_sent, row.past_answered) for row in rows(state)}
    assert past == {0: (0, 0), 1: (1, 1), 2: (1, 0), 3: (0, 0), 4: (0, 0), 5: (0, 0)}
    with state.read(OTHER) as tx:
        elsewhere = lift.armed_sends(
            tx, [[SALE]], outcome=EventType.OPEN, window=WINDOW, since=None
        )
        assert {row.past_sent for row in elsewhere} == {0}
