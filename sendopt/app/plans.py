"""Campaigns that are planned together, and what that costs each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from sendopt import schedule
from sendopt.app.planning import Planning, planner_of, until_alone
from sendopt.app.planning_defaults import planning_defaults
from sendopt.app.read_campaign import read_campaign
from sendopt.app.subject import Subject, needs
from sendopt.errors import Conflict, InvalidInput, InvariantBroken
from sendopt.records import AuditFilter, Campaign, CampaignId, Permission, Plan, SendState
from sendopt.schedule.fields import Name
from sendopt.schedule.replay import Kept, Replay, replay
from sendopt.state import (
    TenantRead,
    audit_trail,
    campaigns,
    erased,
    plan_epoch,
    plans,
    send_list,
)
from sendopt.state.send_list import SendFilter
from sendopt.strict_json import StrictModel, validate

MOST_TOGETHER = 20
_MOST_SENDS = 1_000_000_000
_AT_ONCE = 500  # sends, or records of the audit, of one page


@dataclass(frozen=True, slots=True)
class JointPreview:
    """What planning campaigns together comes to.

    Attributes:
        previews: of the campaigns, in the order in which they were named.
        limits: what the tenant's limits do to them; None = nothing limits them together.
    """

    previews: tuple[schedule.Preview, ...]
    limits: schedule.LimitsReport | None


class Plans(Subject):
    """Plans of several campaigns at once, so that none takes the best times by being first."""

    @needs(Permission.CAMPAIGNS_READ)
    def preview(self, body: Any) -> JointPreview:
        """Tell what committing stored campaigns together would do; stores nothing.

        Args:
            body: a `PlanDefinition` as parsed JSON.

        Raises:
            InvalidInput: `duplicate_id`, or as `strict_json.validate`; for a campaign that cannot
                be meant any more.
            NotFound: `campaign_unknown`.
            Conflict: `campaign_cancelled`, `user_erased`, as a commit would.
        """
        now = self._now()
        given = self._given(validate(PlanDefinition, body), now=now)
        return _shown(self._plan([campaign for campaign, _ in given], now=now, is_explained=True))

    @needs(Permission.CAMPAIGNS_SEND)
    def commit(self, body: Any) -> JointPreview:
        """Plan stored campaigns together and let their sends go out: of all of them, or of none.

        Args:
            body: a `CommitDefinition` as parsed JSON.

        Raises:
            InvalidInput: as `preview`.
            NotFound: `campaign_unknown`.
            Conflict: `campaign_cancelled`; `campaign_changed`, if one was edited meanwhile;
                `planned_meanwhile`; `expected_sends_differ`, and nothing is committed.
        """
        now = self._now()
        wanted = validate(CommitDefinition, body)
        given = self._given(wanted, now=now)

        def write(planning: Planning) -> JointPreview:
            if wanted.expected_sends is not None:
                _require_expected(planning.plans, wanted.expected_sends)
            with self._write() as tx:
                plan_epoch.begin(tx, expected=planning.epoch)
                for (campaign, definition), plan in zip(given, planning.plans, strict=True):
                    campaigns.require_definition(tx, campaign.campaign_id, definition)
                    plans.commit(tx, plan, now=now)
                    told = {"sends": len(plan.sends), "together": len(given)}
                    self._audit(tx, "campaign:commit", campaign.campaign_id, after=told)
                plan_epoch.end(tx, expected=planning.epoch)
            return _shown(planning)

        return until_alone(lambda: self._plan([each for each, _ in given], now=now), write)

    @needs(Permission.SENDS_READ)
    def replay(self, campaign_id: CampaignId) -> Replay:
        """Plan the sends of a campaign again, out of their decision records, and compare.

        Raises:
            NotFound: `campaign_unknown`.
            InvariantBroken: `rules_unknown`, of a campaign of an earlier release; `record_damaged`.
        """
        with self._read() as tx:
            stored = campaigns.get_campaign(tx, campaign_id)
            together = _is_planned_together(tx, campaign_id)
            sends = list(_kept(tx, campaign_id))
        campaign = schedule.as_accepted(
            stored.definition,
            stored.rules,
            at=stored.changed_at,
            defaults=planning_defaults(self._stores.settings.schedule),
        )
        return replay(
            replace(campaign, revision=stored.revision),
            self._tenant_id,
            sends,
            seed=self._stores.settings.schedule.seed,
            together=together,
        )

    def _given(self, wanted: PlanDefinition, *, now: datetime) -> list[tuple[Campaign, Any]]:
        """Return the campaigns with their definitions."""
        defaults = planning_defaults(self._stores.settings.schedule)
        given = []
        with self._read() as tx:
            for campaign_id in map(CampaignId, wanted.campaign_ids):
                stored = campaigns.get_campaign(tx, campaign_id)
                if stored.cancelled_at is not None:
                    raise campaigns.campaign_cancelled(campaign_id)
                campaign = read_campaign(tx, stored.definition, now=now, defaults=defaults)
                campaigns.refuse_erased(campaign, erased.among(tx, campaigns.users_of(campaign)))
                given.append((campaign, stored.definition))
        return given

    def _plan(
        self, given: Sequence[Campaign], *, now: datetime, is_explained: bool = False
    ) -> Planning:
        return planner_of(self._stores).plan(
            given, self._tenant_id, now=now, is_explained=is_explained
        )


def _kept(tx: TenantRead, campaign_id: CampaignId) -> Iterator[Kept]:
    """Read the sends of a campaign with their decision records, by user."""
    behind: send_list.SendKey | None = None
    while True:
        page = send_list.page(tx, SendFilter(campaign_id), behind=behind, limit=_AT_ONCE)
        for send_id in page.damaged:
            raise InvariantBroken(
                f"the send {send_id!r} cannot be read",
                code="record_damaged",
                hint="`sendopt verify` says what is wrong with it",
            )
        for listed in page.items:
            stored = plans.get_send(tx, listed.send.send_id)
            yield Kept(stored.send, stored.decision, stored.revision, stored.planned_at)
        if page.behind is None:
            return
        behind = send_list.SendKey(*page.behind)


def _is_planned_together(tx: TenantRead, campaign_id: CampaignId) -> bool:
    """Tell whether a commit of the campaign was one of several campaigns."""
    commits = AuditFilter(action="campaign:commit", target=campaign_id)
    behind: audit_trail.AuditKey | None = None
    while True:
        page = audit_trail.page(tx, commits, behind=behind, limit=_AT_ONCE)
        if any((record.after or {}).get("together", 1) > 1 for record in page.items):
            return True
        if page.behind is None:
            return False
        behind = audit_trail.AuditKey(*page.behind)


def _shown(planning: Planning) -> JointPreview:
    previews = [
        schedule.preview(plan, campaign.channel)
        for plan, campaign in zip(planning.plans, planning.campaigns, strict=True)
    ]
    return JointPreview(tuple(previews), planning.report)


def _require_expected(plans_made: Sequence[Plan], expected: ExpectedSends) -> None:
    """Refuse plans of another size than somebody agreed to.

    Raises:
        Conflict: `expected_sends_differ`.
    """
    planned = sum(list(plan.columns().state).count(SendState.PLANNED) for plan in plans_made)
    if abs(planned - expected.count) > expected.may_differ_by:
        raise Conflict(
            f"the plan has {planned:,} sends, not {expected.count:,}: nothing is committed",
            code="expected_sends_differ",
            field="/expected_sends/count",
            expected=f"{expected.count:,} sends, {expected.may_differ_by:,} more or less",
            hint="preview again, and name the count that it shows",
        )


def _unique(campaign_ids: list[str]) -> list[str]:
    if len(set(campaign_ids)) < len(campaign_ids):
        raise InvalidInput(
            "names a campaign twice", code="duplicate_id", expected="each campaign once"
        )
    return campaign_ids


class PlanDefinition(StrictModel):
    """Which stored campaigns are planned together."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"campaign_ids": ["autumn-sale", "new-shoes"]}]}
    )

    campaign_ids: Annotated[
        list[Name], Field(min_length=1, max_length=MOST_TOGETHER), AfterValidator(_unique)
    ]


class ExpectedSends(StrictModel):
    """How many sends somebody agreed to, as a preview counted them."""

    count: Annotated[int, Field(ge=0, le=_MOST_SENDS)]  # sum of `planned_count` over the campaigns
    may_differ_by: Annotated[int, Field(ge=0, le=_MOST_SENDS)] = 0  # more or less; inclusive


class CommitDefinition(PlanDefinition):
    """Which stored campaigns are committed together, and how many sends that may come to."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "campaign_ids": ["autumn-sale", "new-shoes"],
                    "expected_sends": {"count": 12345, "may_differ_by": 100},
                }
            ]
        }
    )

    expected_sends: ExpectedSends | None = None  # None = however many there are
