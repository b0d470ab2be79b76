"""Campaigns: defined, previewed, committed, looked into, called off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sendopt import schedule
from sendopt.app.answers import CampaignReport, CampaignStatus
from sendopt.app.planning import Planner
from sendopt.app.subject import Subject, needs
from sendopt.features import Target
from sendopt.records import (
    Campaign,
    CampaignId,
    EndReason,
    Exploration,
    Holdout,
    HoldoutTime,
    Permission,
    Plan,
    Policy,
)
from sendopt.state import campaign_list, campaigns, plans
from sendopt.state.pages import Page


class Campaigns(Subject):
    """What to send, and when each user gets it."""

    @needs(Permission.CAMPAIGNS_READ)
    def preview(self, definition: Any) -> schedule.Preview:
        """Tell what committing `definition` now would do; stores nothing."""
        now = self._now()
        campaign = self._read_campaign(definition, now=now)
        return schedule.preview(self._plan(campaign, now=now), campaign.channel)

    @needs(Permission.CAMPAIGNS_WRITE)
    def put(self, definition: Any, *, commit: bool) -> CampaignReport:
        """Store a campaign; with `commit`, plan it and let its sends go out.

        Until it is committed another definition takes the place of the first. Committing again
        plans for those who joined the audience since, and for nobody else.

        Raises:
            InvalidInput: for a definition that cannot be meant.
            Conflict: `campaign_conflict`, if it was committed with another definition;
                `campaign_changed`, if it was edited meanwhile; `campaign_cancelled`.
        """
        if commit:
            self._principal.require(Permission.CAMPAIGNS_SEND)
        now = self._now()
        campaign = self._read_campaign(definition, now=now)
        with self._write() as tx:
            put = campaigns.put_campaign(
                tx, campaign, definition, rules=schedule.rules_of(campaign), now=now
            )
            if put is not campaigns.Put.REPEATED:
                self._audit(tx, "campaign:put", campaign.campaign_id, after={"was": put.value})
        preview = None
        if commit:
            plan = self._plan(campaign, now=now)
            preview = schedule.preview(plan, campaign.channel)
            with self._write() as tx:
                campaigns.require_definition(tx, campaign.campaign_id, definition)
                plans.commit(tx, plan, now=now)
                self._audit(
                    tx, "campaign:commit", campaign.campaign_id, after={"sends": len(plan.sends)}
                )
        status = self._status(campaign.campaign_id)
        return CampaignReport(
            campaign_id=campaign.campaign_id,
            repeated=put is campaigns.Put.REPEATED,
            changed=put is campaigns.Put.CHANGED,
            committed=status.committed_at is not None,
            counts=status.counts,
            preview=preview,
        )

    @needs(Permission.CAMPAIGNS_READ)
    def get(self, campaign_id: CampaignId) -> CampaignStatus:
        """Return a campaign and where its sends stand.

        Raises:
            NotFound: `campaign_unknown`.
        """
        return self._status(campaign_id)

    @needs(Permission.CAMPAIGNS_READ)
    def page(
        self,
        *,
        phase: campaign_list.CampaignPhase | None = None,
        behind: campaign_list.CampaignKey | None = None,
        limit: int,
    ) -> Page[campaign_list.ListedCampaign]:
        """Return campaigns, the newest first."""
        with self._read() as tx:
            return campaign_list.page(tx, phase=phase, behind=behind, limit=limit)

    @needs(Permission.CAMPAIGNS_READ)
    def preview_stored(self, campaign_id: CampaignId) -> schedule.Preview:
        """Tell what committing the stored campaign now would do.

        Raises:
            NotFound: `campaign_unknown`.
        """
        return self.preview(self.get(campaign_id).definition)

    @needs(Permission.CAMPAIGNS_SEND)
    def cancel(self, campaign_id: CampaignId) -> CampaignStatus:
        """Call off every send that no dispatcher has claimed yet; what went out stays out.

        Raises:
            NotFound: `campaign_unknown`.
        """
        with self._write() as tx:
            before = campaigns.get_campaign(tx, campaign_id)
            called_off = plans.cancel_campaign(
                tx, campaign_id, reason=EndReason.CAMPAIGN_CANCELLED, now=self._now()
            )
            if before.cancelled_at is None or called_off:
                self._audit(tx, "campaign:cancel", campaign_id, after={"called_off": called_off})
        return self._status(campaign_id)

    def _status(self, campaign_id: CampaignId) -> CampaignStatus:
        with self._read() as tx:
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

    def _read_campaign(self, definition: Any, *, now: datetime) -> Campaign:
        """Read a definition; one that was accepted before under the rules of its acceptance."""
        with self._read() as tx:
            stored = campaigns.accepted_as(tx, definition)
        # The window of one that is not committed may be over by now.
        at = now if stored is None or stored.is_draft else stored.created_at
        rules = None if stored is None else stored.rules
        return schedule.as_accepted(definition, rules, at=at, defaults=self._planning_defaults)

    @property
    def _planning_defaults(self) -> schedule.PlanningDefaults:
        """What holds for every campaign that does not say otherwise."""
        given = self._stores.settings.schedule
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

    def _plan(self, campaign: Campaign, *, now: datetime) -> Plan:
        settings = self._stores.settings
        planner = Planner(
            self._stores.log,
            self._stores.state,
            self._stores.registry,
            limits=self._stores.model_limits,
            target=Target(settings.open_window, clock_tolerance=settings.clock_tolerance),
            seed=settings.schedule.seed,
        )
        return planner.plan(campaign, self._tenant_id, now=now)
