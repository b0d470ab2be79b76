"""Use cases of the growth engineer: define, preview, commit, look into, call off."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sendopt import schedule
from sendopt.app.answers import CampaignReport, CampaignStatus
from sendopt.app.planning import Planner
from sendopt.app.stores import Stores
from sendopt.features import Target
from sendopt.records import (
    Campaign,
    CampaignId,
    EndReason,
    Exploration,
    Holdout,
    HoldoutTime,
    Plan,
    Policy,
    SendId,
    TenantId,
)
from sendopt.state import campaigns, plans


class Campaigns(Stores):
    """What to send, and when each user gets it."""

    def preview_campaign(self, tenant_id: TenantId, definition: Any) -> schedule.Preview:
        """Tell what committing `definition` now would do; stores nothing."""
        now = self.clock.now()
        campaign = self._read_campaign(tenant_id, definition, now=now)
        return schedule.preview(self._plan(tenant_id, campaign, now=now), campaign.channel)

    def put_campaign(self, tenant_id: TenantId, definition: Any, *, commit: bool) -> CampaignReport:
        """Store a campaign; with `commit`, plan it and let its sends go out.

        Until it is committed another definition takes the place of the first. Committing again
        plans for those who joined the audience since, and for nobody else.

        Raises:
            InvalidInput: for a definition that cannot be meant.
            Conflict: `campaign_conflict`, if it was committed with another definition;
                `campaign_changed`, if it was edited meanwhile; `campaign_cancelled`.
        """
        self.require_tenant(tenant_id)
        now = self.clock.now()
        campaign = self._read_campaign(tenant_id, definition, now=now)
        with self.state.write(tenant_id) as tx:
            put = campaigns.put_campaign(
                tx, campaign, definition, rules=schedule.rules_of(campaign), now=now
            )
        preview = None
        if commit:
            plan = self._plan(tenant_id, campaign, now=now)
            preview = schedule.preview(plan, campaign.channel)
            with self.state.write(tenant_id) as tx:
                campaigns.require_definition(tx, campaign.campaign_id, definition)
                plans.commit(tx, plan, now=now)
        status = self.campaign(tenant_id, campaign.campaign_id)
        return CampaignReport(
            campaign_id=campaign.campaign_id,
            repeated=put is campaigns.Put.REPEATED,
            changed=put is campaigns.Put.CHANGED,
            committed=status.committed_at is not None,
            counts=status.counts,
            preview=preview,
        )

    def campaign(self, tenant_id: TenantId, campaign_id: CampaignId) -> CampaignStatus:
        """Return a campaign and where its sends stand.

        Raises:
            NotFound: `campaign_unknown`.
        """
        with self.state.read(tenant_id) as tx:
            stored = campaigns.get_campaign(tx, campaign_id)
            counts = plans.campaign_counts(tx, campaign_id)
        return CampaignStatus(
            campaign_id=stored.campaign_id,
            definition=stored.definition,
            created_at=stored.created_at,
            committed_at=stored.committed_at,
            cancelled_at=stored.cancelled_at,
            counts={str(state): count for state, count in counts.items()},
        )

    def preview_stored_campaign(
        self, tenant_id: TenantId, campaign_id: CampaignId
    ) -> schedule.Preview:
        """Tell what committing the stored campaign now would do.

        Raises:
            NotFound: `campaign_unknown`.
        """
        return self.preview_campaign(tenant_id, self.campaign(tenant_id, campaign_id).definition)

    def cancel_campaign(self, tenant_id: TenantId, campaign_id: CampaignId) -> CampaignStatus:
        """Call off every send that no dispatcher has claimed yet; what went out stays out."""
        with self.state.write(tenant_id) as tx:
            plans.cancel_campaign(
                tx, campaign_id, reason=EndReason.CAMPAIGN_CANCELLED, now=self.clock.now()
            )
        return self.campaign(tenant_id, campaign_id)

    def send(self, tenant_id: TenantId, send_id: SendId) -> dict[str, Any]:
        """Return a send with its decision record.

        Raises:
            NotFound: `send_unknown`.
        """
        with self.state.read(tenant_id) as tx:
            stored = plans.get_send(tx, send_id)
        return {
            **asdict(stored.send),
            "planned_at": stored.planned_at,
            "attempt_count": stored.attempt_count,
            "attempts": stored.attempts,
            "next_attempt_at": stored.next_attempt_at,
            "handed_over_at": stored.handed_over_at,
            "decision": stored.decision,
        }

    def cancel_send(self, tenant_id: TenantId, send_id: SendId) -> dict[str, Any]:
        """Call off one send and return it; one that is called off already stays so.

        Raises:
            NotFound: `send_unknown`.
            Conflict: `send_not_planned`, if it is being handed over or has ended.
        """
        with self.state.write(tenant_id) as tx:
            plans.cancel_send(tx, send_id, reason=EndReason.SEND_CANCELLED)
        return self.send(tenant_id, send_id)

    def _read_campaign(self, tenant_id: TenantId, definition: Any, *, now: datetime) -> Campaign:
        """Read a definition; one that was accepted before under the rules of its acceptance."""
        with self.state.read(tenant_id) as tx:
            stored = campaigns.accepted_as(tx, definition)
        # The window of one that is not committed may be over by now.
        at = now if stored is None or stored.is_draft else stored.created_at
        rules = None if stored is None else stored.rules
        return schedule.as_accepted(definition, rules, at=at, defaults=self._planning_defaults)

    @property
    def _planning_defaults(self) -> schedule.PlanningDefaults:
        """What holds for every campaign that does not say otherwise."""
        given = self.settings.schedule
        return schedule.PlanningDefaults(
            exploration=Exploration(
                policy=Policy(given.policy),
                epsilon=0.0 if given.policy == "greedy" else given.epsilon,
                share=given.explored_share,
                per_user=given.explored_per_user_30_days,
            ),
            holdout=(
                Holdout(given.holdout_share, HoldoutTime(given.holdout_time))
                if given.holdout_share
                else None
            ),
            least_confidence=given.least_confidence,
            urgent_message_types=frozenset(given.urgent_message_types),
        )

    def _plan(self, tenant_id: TenantId, campaign: Campaign, *, now: datetime) -> Plan:
        planner = Planner(
            self.log,
            self.state,
            self.registry,
            limits=self.model_limits,
            target=Target(self.settings.open_window, clock_tolerance=self.settings.clock_tolerance),
            seed=self.settings.schedule.seed,
        )
        return planner.plan(campaign, tenant_id, now=now)
