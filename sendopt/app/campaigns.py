"""Campaigns: defined, previewed, committed, looked into, called off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sendopt import schedule
from sendopt.app.answers import CampaignReport, CampaignStatus, RevisionReport
from sendopt.app.named_users import one_member
from sendopt.app.planning import Planning, planner_of, until_alone
from sendopt.app.planning_defaults import planning_defaults
from sendopt.app.read_campaign import read_campaign
from sendopt.app.subject import Subject, needs
from sendopt.app.user_status import user_status
from sendopt.errors import Conflict
from sendopt.records import (
    Campaign,
    CampaignId,
    CampaignPhase,
    EndReason,
    Permission,
    SendState,
    UserId,
)
from sendopt.schedule import reach
from sendopt.schedule.reach import Failure, Reach
from sendopt.state import (
    TenantWrite,
    campaign_list,
    campaigns,
    erased,
    pauses,
    plan_epoch,
    plans,
    revisions,
    send_list,
    users,
)
from sendopt.state.pages import Page
from sendopt.state.send_list import SendFilter


class Campaigns(Subject):
    """What to send, and when each user gets it."""

    @needs(Permission.CAMPAIGNS_READ)
    def preview(self, definition: Any) -> schedule.Preview:
        """Tell what committing `definition` now would do; stores nothing.

        Raises:
            InvalidInput: for a definition that cannot be meant.
            Conflict: `user_erased`, as a commit would.
        """
        now = self._now()
        campaign = self._read_campaign(definition, now=now)
        with self._read() as tx:
            gone = erased.among(tx, campaigns.users_of(campaign))
        campaigns.refuse_erased(campaign, gone)
        planning = self._plan(campaign, now=now, is_explained=True)
        (plan,) = planning.plans
        return replace(schedule.preview(plan, campaign.channel), limits=planning.report)

    @needs(Permission.CAMPAIGNS_WRITE)
    def put(
        self, definition: Any, *, commit: bool, beside: Callable[[TenantWrite], None] | None = None
    ) -> CampaignReport:
        """Store a campaign; with `commit`, plan it and let its sends go out.

        Until it is committed another definition takes the place of the first. Committing again
        plans for those who joined the audience since, and for nobody else.

        Args:
            definition: as parsed JSON.
            commit: whether to.
            beside: is done first in the transaction of the commit, which it may refuse.

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
        preview = self._commit(campaign, definition, beside, now=now) if commit else None
        status = self._status(campaign.campaign_id)
        return CampaignReport(
            campaign_id=campaign.campaign_id,
            repeated=put is campaigns.Put.REPEATED,
            changed=put is campaigns.Put.CHANGED,
            committed=status.committed_at is not None,
            counts=status.counts,
            preview=preview,
        )

    @needs(Permission.CAMPAIGNS_SEND)
    def commit(self, campaign_id: CampaignId) -> CampaignReport:
        """Plan the stored campaign and let its sends go out.

        Committing again plans for those who joined the audience since, and for nobody else.

        Raises:
            NotFound: `campaign_unknown`.
            InvalidInput: `no_feasible_slot`, if the window of a draft is over by now.
            Conflict: `campaign_cancelled`; `campaign_changed`, if it was edited meanwhile.
        """
        now = self._now()
        definition = self._status(campaign_id).definition
        campaign = self._read_campaign(definition, now=now)
        preview = self._commit(campaign, definition, None, now=now)
        return CampaignReport(
            campaign_id=campaign_id,
            repeated=True,
            changed=False,
            committed=True,
            counts=self._status(campaign_id).counts,
            preview=preview,
        )

    @needs(Permission.CAMPAIGNS_SEND)
    def revise(self, definition: Any) -> RevisionReport:
        """Give a committed campaign another definition, for all who have not been sent to.

        Who was handed a message, or is being handed one, stays with what it was. What the
        definition leaves out is settled now, but for the holdout, which stays.

        Raises:
            InvalidInput: for a definition that cannot be meant; `holdout_settled`.
            NotFound: `campaign_unknown`.
            Conflict: `campaign_not_committed`; `campaign_cancelled`; `campaign_changed`, if it was
                edited meanwhile; `arm_changed`; `rules_unknown`; `user_erased`, naming the place
                in the definition.
        """
        now = self._now()
        with self._read() as tx:
            same = campaigns.accepted_as(tx, definition)
        if same is not None and same.cancelled_at is not None:
            raise campaigns.campaign_cancelled(same.campaign_id)
        if same is not None and not same.is_draft:
            unchanged = revisions.RevisionReport(same.revision, 0, 0, 0, 0, 0)
            return self._revised(same.campaign_id, unchanged, repeated=True)
        campaign = self._read_revision(definition, now=now)

        def write(planning: Planning) -> revisions.RevisionReport:
            (plan,) = planning.plans
            with self._write() as tx:
                plan_epoch.begin(tx, expected=planning.epoch)
                report = revisions.revise(
                    tx, campaign, definition, plan, rules=schedule.rules_of(campaign), now=now
                )
                self._audit(tx, "campaign:revise", campaign.campaign_id, after=asdict(report))
                plan_epoch.end(tx, expected=planning.epoch)
            return report

        report = until_alone(lambda: self._plan(campaign, now=now, is_revised=True), write)
        return self._revised(campaign.campaign_id, report, repeated=False)

    @needs(Permission.CAMPAIGNS_SEND)
    def pause(self, campaign_id: CampaignId) -> CampaignStatus:
        """Hand nothing of it over until it is resumed; what is being handed over ends by itself.

        Raises:
            NotFound: `campaign_unknown`.
            Conflict: `campaign_not_committed`, `campaign_cancelled`.
        """
        with self._write() as tx:
            if pauses.pause(tx, campaign_id, now=self._now()):
                self._audit(tx, "campaign:pause", campaign_id)
        return self._status(campaign_id)

    @needs(Permission.CAMPAIGNS_SEND)
    def resume(self, campaign_id: CampaignId) -> CampaignStatus:
        """Let its sends go out at their times, or now if these have come.

        What expired meanwhile is ended by the next dispatcher.

        Raises:
            NotFound: `campaign_unknown`.
            Conflict: `campaign_not_committed`, `campaign_cancelled`.
        """
        with self._write() as tx:
            report = pauses.resume(tx, campaign_id, now=self._now())
            if report is not None:
                self._audit(tx, "campaign:resume", campaign_id, after=asdict(report))
        return self._status(campaign_id)

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
        phase: CampaignPhase | None = None,
        behind: campaign_list.CampaignKey | None = None,
        limit: int,
    ) -> Page[campaign_list.ListedCampaign]:
        """Return campaigns, the newest first."""
        with self._read() as tx:
            return campaign_list.page(tx, phase=phase, behind=behind, limit=limit, now=self._now())

    @needs(Permission.SENDS_READ)
    def reach(self, campaign_id: CampaignId, user_id: UserId) -> Reach:
        """Tell whether and when a campaign reaches a user, or why not.

        By what is stored of its send, and what its user has said since; without one, by what a
        commit now would do. Of nobody else anything is read.

        Raises:
            NotFound: `campaign_unknown`; `user_unknown`, of one who was erased.
        """
        of_user = SendFilter(campaign_id=campaign_id, user_id=user_id)
        send = None
        with self._read() as tx:
            stored = campaigns.get_campaign(tx, campaign_id)
            if erased.among(tx, [user_id]):
                raise users.user_unknown()
            for found in send_list.page(tx, of_user, behind=None, limit=1).items:
                send = plans.get_send(tx, found.send.send_id)
        paused = stored.paused_at is not None
        if send is not None and send.send.state is not SendState.PLANNED:
            return _reach_of(send, stopped_by=None, paused=paused)
        # As it was accepted: that its window is over by now is what the answer says.
        campaign = schedule.as_accepted(
            stored.definition, stored.rules, at=stored.changed_at, defaults=self._planning_defaults
        )
        now = self._now()
        with self._stores.log.reader(self._tenant_id) as reader:
            status = user_status(reader, as_of=now, user_id=user_id).to_pylist()
        with self._read() as tx:
            member = one_member(tx, campaign, user_id, status=status[0] if status else None)
        if send is not None:
            return _reach_of(send, stopped_by=member.suppressed_by, paused=paused)
        return reach.without_send(
            campaign,
            member,
            committed=stored.committed_at is not None,
            cancelled=stored.cancelled_at is not None,
            now=now,
        )

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
            phase = campaigns.phase_of(tx, campaign_id, now=self._now())
            counts = plans.campaign_counts(tx, campaign_id)
        return CampaignStatus(
            campaign_id=stored.campaign_id,
            phase=phase,
            revision=stored.revision,
            definition=stored.definition,
            rules=stored.rules,
            created_at=stored.created_at,
            changed_at=stored.changed_at,
            committed_at=stored.committed_at,
            paused_at=stored.paused_at,
            cancelled_at=stored.cancelled_at,
            counts={str(state): count for state, count in counts.items()},
        )

    def _commit(
        self,
        campaign: Campaign,
        definition: Any,
        beside: Callable[[TenantWrite], None] | None,
        *,
        now: datetime,
    ) -> schedule.Preview:
        def write(planning: Planning) -> schedule.Preview:
            (plan,) = planning.plans
            with self._write() as tx:
                if beside is not None:
                    beside(tx)
                campaigns.require_definition(tx, campaign.campaign_id, definition)
                plan_epoch.begin(tx, expected=planning.epoch)
                plans.commit(tx, plan, now=now)
                self._audit(
                    tx, "campaign:commit", campaign.campaign_id, after={"sends": len(plan.sends)}
                )
                plan_epoch.end(tx, expected=planning.epoch)
            return schedule.preview(plan, campaign.channel)

        return until_alone(lambda: self._plan(campaign, now=now), write)

    def _revised(
        self, campaign_id: CampaignId, report: revisions.RevisionReport, *, repeated: bool
    ) -> RevisionReport:
        return RevisionReport(
            campaign_id=campaign_id,
            repeated=repeated,
            counts=self._status(campaign_id).counts,
            **asdict(report),
        )

    def _read_revision(self, definition: Any, *, now: datetime) -> Campaign:
        """Read the next definition of the campaign that it names."""
        defaults = self._planning_defaults
        named = schedule.parse_campaign(definition, now=now, defaults=defaults).campaign_id
        with self._read() as tx:
            stored = campaigns.get_campaign(tx, named)
        if stored.cancelled_at is not None:
            raise campaigns.campaign_cancelled(named)
        if stored.is_draft:
            raise campaigns.campaign_not_committed(named)
        if stored.rules is None:
            raise Conflict(
                "nobody knows any more who was held out of this campaign of an earlier release",
                code="rules_unknown",
                hint="give the changed campaign a new campaign_id",
            )
        before = schedule.as_accepted(stored.definition, stored.rules, at=stored.changed_at)
        before = replace(before, revision=stored.revision)
        return schedule.as_revised(definition, before, at=now, defaults=defaults)

    def _read_campaign(self, definition: Any, *, now: datetime) -> Campaign:
        with self._read() as tx:
            return read_campaign(tx, definition, now=now, defaults=self._planning_defaults)

    @property
    def _planning_defaults(self) -> schedule.PlanningDefaults:
        return planning_defaults(self._stores.settings.schedule)

    def _plan(
        self,
        campaign: Campaign,
        *,
        now: datetime,
        is_revised: bool = False,
        is_explained: bool = False,
    ) -> Planning:
        return planner_of(self._stores).plan(
            [campaign],
            self._tenant_id,
            now=now,
            revised=[campaign.campaign_id] if is_revised else [],
            is_explained=is_explained,
        )


def _reach_of(stored: plans.StoredSend, *, stopped_by: EndReason | None, paused: bool) -> Reach:
    failures = [
        Failure(each.provider, each.reason, each.finished_at)
        for each in stored.attempts
        if each.outcome != "accepted" and each.reason is not None and each.finished_at is not None
    ]
    return reach.of_send(
        stored.send,
        stored.decision,
        attempt_count=stored.attempt_count,
        next_attempt_at=stored.next_attempt_at,
        handed_over_at=stored.handed_over_at,
        last_failure=failures[-1] if failures else None,
        stopped_by=stopped_by,
        paused=paused,
    )
