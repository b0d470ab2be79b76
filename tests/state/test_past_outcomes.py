"""What earlier sends taught: who was explored with, and which wording was answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sendopt.records import (
    Campaign,
    CampaignId,
    Channel,
    Decision,
    DeviceId,
    Plan,
    PlannedSend,
    SendId,
    SendState,
    TenantId,
    UserId,
    Variant,
    VariantAnswers,
    VariantId,
)
from sendopt.state import State, campaigns, past_outcomes, plans
from sendopt.state.tables import click, planned_send, response

TENANT, OTHER = TenantId("default"), TenantId("other")
LOUD = Variant(VariantId("loud"), "SALE", "HALF PRICE", "https://shop.example/")
PLAIN = Variant(VariantId("plain"), "Sale", "Half price")
DAY = timedelta(days=1)


def put(
    state: State,
    name: str,
    rows: list[tuple[str, Variant, float | None, bool]],
    *,
    at: datetime,
    message_type: str | None = None,
    tenant_id: TenantId = TENANT,
    variants: tuple[Variant, ...] = (LOUD, PLAIN),
) -> None:
    """Commit a campaign: user, variant, its propensity, explored."""
    campaign = Campaign(
        CampaignId(name), variants, Channel.SIMULATOR, at, at + DAY, message_type=message_type
    )
    definition = {"campaign_id": name, "message_type": message_type}
    sends, decisions = [], []
    for user, variant, chance, explored in rows:
        send_id = SendId(f"{name}-{user}")
        sends.append(
            PlannedSend(
                tenant_id=tenant_id,
                send_id=send_id,
                campaign_id=CampaignId(name),
                variant_id=variant.variant_id,
                user_id=UserId(user),
                device_id=DeviceId(user),
                channel=Channel.SIMULATOR,
                due_at=at,
                expires_at=at + DAY,
            )
        )
        decisions.append(
            Decision(
                send_id=send_id,
                slots=(),
                chosen_at=at,
                propensity=0.5,
                policy="epsilon_greedy",
                binding_constraint=None,
                fallback_reason=None,
                model_version=None,
                log_snapshot=None,
                timezone="UTC",
                timezone_source="tenant",
                explored=explored,
                variant_propensity=chance,
            )
        )
    with state.write(tenant_id) as tx:
        campaigns.put_campaign(tx, campaign, definition, rules={"version": 1}, now=at)
        plans.commit(
            tx,
            Plan(tenant_id, CampaignId(name), tuple(sends), tuple(decisions)),
            now=at,
        )


def change(store: State, send_id: str, **values: Any) -> None:
    with store.write_fleet() as tx:
        tx.execute(
            sa.update(planned_send).where(planned_send.c.send_id == send_id).values(**values)
        )


def test_explorations_are_counted_by_user_within_the_period(state: State, now: datetime) -> None:
    both = [("ann", PLAIN, None, True), ("bob", PLAIN, None, False)]
    put(state, "old", both, at=now - 31 * DAY)
    put(state, "first", both, at=now - 20 * DAY)
    put(state, "second", [("ann", PLAIN, None, True), ("cleo", PLAIN, None, True)], at=now - DAY)
    put(state, "mine", both, at=now)
    put(state, "theirs", both, at=now, tenant_id=OTHER)
    change(state, "second-cleo", state=SendState.CANCELLED, reason="send_cancelled")
    with state.read(TENANT) as tx:
        counts = past_outcomes.explored_counts(tx, since=now - 30 * DAY, besides=CampaignId("mine"))
    assert counts == {"ann": 2}


def answers(state: State, now: datetime, *variants: Variant, **changes: Any) -> Any:
    asked: dict[str, Any] = {
        "message_type": "promotion",
        "since": now - 60 * DAY,
        "handed_over_by": now,
        **changes,
    }
    with state.read(TENANT) as tx:
        found = past_outcomes.variant_answers(tx, variants, **asked)
    return sorted(found, key=lambda each: (each.due_at, each.variant_id))


def test_answers_are_weighed_by_the_chance_of_their_wording(state: State, now: datetime) -> None:
    at = now - DAY
    rows = [(f"u{n}", (LOUD, PLAIN)[n % 2], (0.8, 0.2)[n % 2], False) for n in range(10)]
    put(state, "first", rows, at=at, message_type="promotion")
    for number in range(9):  # the last one is still on its way
        change(state, f"first-u{number}", handed_over_at=at, state=SendState.DELIVERED)
    answered: list[tuple[sa.Table, dict[str, Any]]] = [
        (response, {"send_id": "first-u0", "kind": "open"}),
        (response, {"send_id": "first-u1", "kind": "response"}),
        (response, {"send_id": "first-u1", "kind": "open"}),  # one send, one answer
        (response, {"send_id": "first-u2", "kind": "dismissal"}),
        (response, {"send_id": "first-u4", "kind": "open", "filtered_reason": "too_late"}),
        (click, {"send_id": "first-u3", "click_id": "1", "link_id": "1", "user_agent": "x"}),
    ]
    with state.write_fleet() as tx:
        for table, values in answered:
            tx.execute(sa.insert(table).values(tenant_id=TENANT, occurred_at=at, **values))
    loud, plain = answers(state, now, LOUD, PLAIN)
    assert loud == VariantAnswers(
        VariantId("loud"),
        at,
        "UTC",
        weight=pytest.approx(5 / 0.8),
        squared_weight=pytest.approx(5 / 0.64),
        answered_weight=pytest.approx(1 / 0.8),
    )
    assert (plain.weight, plain.answered_weight) == (pytest.approx(20), pytest.approx(10))
    assert answers(state, now, LOUD, PLAIN, handed_over_by=at - DAY) == []


def test_the_same_words_count_wherever_they_were_used(state: State, now: datetime) -> None:
    renamed = replace(PLAIN, variant_id=VariantId("b"))
    other = replace(PLAIN, url="https://shop.example/")
    row = [("ann", renamed, 0.5, False)]
    old = now - 61 * DAY
    put(state, "same", row, at=now - DAY, message_type="promotion", variants=(renamed,))
    put(state, "old", row, at=old, message_type="promotion", variants=(renamed,))
    put(state, "type", row, at=now - DAY, message_type="news", variants=(renamed,))
    put(state, "none", row, at=now - 2 * DAY, variants=(renamed,))
    put(
        state,
        "link",
        [("ann", other, 0.5, False)],
        at=now - DAY,
        message_type="promotion",
        variants=(other,),
    )
    with state.write_fleet() as tx:
        tx.execute(sa.update(planned_send).values(handed_over_at=planned_send.c.due_at))
    assert [(a.variant_id, a.due_at) for a in answers(state, now, PLAIN)] == [("plain", now - DAY)]
    assert [a.due_at for a in answers(state, now, PLAIN, message_type=None)] == [now - 2 * DAY]
    assert answers(state, now, replace(PLAIN, body="Half the price")) == []


def test_a_first_release_send_teaches_nothing(state: State, now: datetime) -> None:
    put(state, "first", [("ann", PLAIN, None, False)], at=now - DAY, message_type="promotion")
    change(state, "first-ann", handed_over_at=now - DAY)
    assert answers(state, now, PLAIN) == []
