"""A campaign of some users with devices, and what can be done with it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sendopt.clock import VirtualClock
from sendopt.records import (
    Campaign,
    CampaignId,
    CampaignPhase,
    Channel,
    Decision,
    Device,
    DeviceId,
    Plan,
    PlannedSend,
    SendId,
    SendState,
    TenantId,
    UserId,
    Variant,
    VariantId,
)
from sendopt.state import State, campaigns, devices, pauses, plans, revisions, tenants
from sendopt.state import users as profiles
from sendopt.state.pauses import ResumeReport
from sendopt.state.revisions import RevisionReport
from sendopt.state.tables import planned_send

TENANT, SALE = TenantId("default"), CampaignId("sale")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def a_campaign(now: Any, revision: int = 1, *, until: timedelta = 10 * HOUR) -> Campaign:
    return Campaign(
        campaign_id=SALE,
        variants=(Variant(VariantId("a"), f"The {revision}. title", "Body"),),
        channel=Channel.SIMULATOR,
        earliest_at=now,
        latest_at=now + until,
        revision=revision,
    )


def told(revision: int) -> dict[str, Any]:
    return {"campaign_id": SALE, "quiet_hours": None, "title": f"The {revision}. title"}


def a_plan(
    due_at: datetime,
    users: Collection[int],
    revision: int = 1,
    *,
    suppressed: Collection[int] = (),
) -> Plan:
    """Plan users, each a minute after the one before, for an hour each."""
    sends, decisions = [], []
    for number in users:
        reached = number not in suppressed
        at = due_at + number * MINUTE
        sends.append(
            PlannedSend(
                tenant_id=TENANT,
                send_id=SendId(f"s-{number}"),
                campaign_id=SALE,
                variant_id=VariantId("a"),
                user_id=UserId(f"user-{number}"),
                device_id=DeviceId(f"d-{number}") if reached else None,
                channel=Channel.SIMULATOR,
                due_at=at if reached else None,
                expires_at=at + HOUR if reached else None,
                state=SendState.PLANNED if reached else SendState.SUPPRESSED,
                reason=None if reached else "opted_out",
            )
        )
        decisions.append(
            Decision(
                send_id=SendId(f"s-{number}"),
                slots=(),
                chosen_at=at if reached else None,
                propensity=1 / revision if reached else None,
                policy="epsilon_greedy" if reached else "none",
                binding_constraint=None,
                fallback_reason=None,
                model_version=None,
                log_snapshot=None,
                timezone="UTC",
                timezone_source="tenant",
            )
        )
    return Plan(TENANT, SALE, tuple(sends), tuple(decisions), revision)


class Life:
    """A campaign, and what is done with it.

    Args:
        state: that holds it.
        clock: when it is.
        users: for whom it was committed, to be sent to from an hour on.
    """

    def __init__(
        self, state: State, clock: VirtualClock, users: Collection[int] = range(10)
    ) -> None:
        self.state, self.clock = state, clock
        now = clock.now()
        with state.write_fleet() as tx:
            tenants.create(tx, TENANT, timezone="UTC", now=now)
        with state.write(TENANT) as tx:
            for number in range(24):
                user = UserId(f"user-{number}")
                profiles.ensure(tx, user, now=now)
                its = Device(DeviceId(f"d-{number}"), user, Channel.SIMULATOR, {"at": number})
                devices.register(tx, its, now=now)
            campaigns.put_campaign(tx, a_campaign(now), told(1), rules={"version": 1}, now=now)
            if users:
                plans.commit(tx, a_plan(now + HOUR, users), now=now)

    def pause(self) -> bool:
        with self.state.write(TENANT) as tx:
            return pauses.pause(tx, SALE, now=self.clock.now())

    def resume(self) -> ResumeReport | None:
        with self.state.write(TENANT) as tx:
            return pauses.resume(tx, SALE, now=self.clock.now())

    def revise(self, plan: Plan, *, until: timedelta = 10 * HOUR) -> RevisionReport:
        now, number = self.clock.now(), plan.revision
        given = a_campaign(now, number, until=until)
        with self.state.write(TENANT) as tx:
            return revisions.revise(tx, given, told(number), plan, rules={"version": 1}, now=now)

    def rows(self) -> dict[str, sa.Row[Any]]:
        with self.state.read(TENANT) as tx:
            return {row.user_id: row for row in tx.execute(sa.select(planned_send))}

    def counts(self) -> dict[str, int]:
        with self.state.read(TENANT) as tx:
            found = plans.campaign_counts(tx, SALE)
        return {str(at): count for at, count in found.items() if count}

    def phase(self) -> CampaignPhase:
        with self.state.read(TENANT) as tx:
            return campaigns.phase_of(tx, SALE, now=self.clock.now())

    def ends(self) -> set[tuple[str, str | None]]:
        return {(row.state, row.reason) for row in self.rows().values()}
