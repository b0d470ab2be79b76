"""Gives every member of campaigns' audiences one time, or one reason for none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvariantBroken
from sendopt.frequency import user_limits
from sendopt.records import (
    NO_LIMITS,
    Campaign,
    Decisions,
    EndReason,
    Plan,
    PlannedSends,
    SendId,
    SendingLimits,
    TenantId,
)
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.choices import Choices
from sendopt.schedule.decisions import Planned, Wordings, plan_columns
from sendopt.schedule.draft import NOTHING_LEARNED, Asked, Draft, draft_of
from sendopt.schedule.forecast import Forecast, PastOutcomes
from sendopt.schedule.identity import uniforms
from sendopt.schedule.limits_report import LimitsReport
from sendopt.schedule.policy import draw
from sendopt.schedule.standing import NOTHING_STANDS, Standing
from sendopt.schedule.variants import VariantBelief


@dataclass(frozen=True, eq=False)
class PlansTogether:
    """What campaigns come to that were planned together.

    Attributes:
        plans: in their order.
        report: what limits did to them; None = nobody asked, or none did anything.
    """

    plans: Sequence[Plan]
    report: LimitsReport | None


def plan(
    campaign: Campaign,
    tenant_id: TenantId,
    members: Sequence[AudienceMember],
    forecast: Forecast,
    past_outcomes: PastOutcomes = NOTHING_LEARNED,
    *,
    no_send_share: float = 0.0,
    seed: int = 1,
    numbers: Sequence[SendId] | None = None,
) -> Plan:
    """Plan one campaign of a tenant who has no limits over campaigns; see `plan_together`."""
    asked = Asked(campaign, members, forecast, past_outcomes, numbers)
    limits = SendingLimits(no_send_share=no_send_share)
    (only,) = plan_together([asked], tenant_id, limits, seed=seed).plans
    return only


def plan_together(
    asked: Sequence[Asked],
    tenant_id: TenantId,
    limits: SendingLimits = NO_LIMITS,
    standing: Standing = NOTHING_STANDS,
    *,
    seed: int = 1,
    is_explained: bool = False,
) -> PlansTogether:
    """Choose the time and wording of every member of some campaigns.

    The same arguments give the same plans.

    Args:
        asked: the campaigns, which may share users.
        tenant_id: whose they are.
        limits: over all campaigns.
        standing: what counts against the limits already.
        seed: of every chance in the plans.
        is_explained: whether to tell what limits do, which takes several times as long.

    Raises:
        InvalidInput: `duplicate_id`.
        InvariantBroken: a forecast leaves out somebody who may be reached.
    """
    drafts = [
        draft_of(each, tenant_id, no_send_share=limits.no_send_share, seed=seed) for each in asked
    ]
    report = None
    if _bind(limits, [each.campaign for each in asked]):
        from sendopt.schedule.limited import choose_within_limits

        report = choose_within_limits(
            drafts, tenant_id, limits, standing, seed=seed, is_explained=is_explained
        )
    else:
        for draft in drafts:
            draft.choose()
            draft.explore()
    return PlansTogether([_finished(draft, tenant_id, seed=seed) for draft in drafts], report)


def _bind(limits: SendingLimits, campaigns: Sequence[Campaign]) -> bool:
    """Tell whether anything may be in the way of a message but the rules of its campaign."""
    channels = {campaign.channel for campaign in campaigns}
    return bool(user_limits(limits) or limits.capacities_on(channels) or limits.message_cost)


def _finished(draft: Draft, tenant_id: TenantId, *, seed: int) -> Plan:
    campaign, members, choices = draft.asked.campaign, draft.asked.members, draft.choices
    part = np.zeros(len(members), np.int8)
    for scored in draft.scored:
        taken = choices.slot[scored.rows]
        part[scored.rows] = np.where(taken < 0, 0, scored.grid.part[taken])
    if any(policy is None for policy in choices.policy):
        raise InvariantBroken("of some who may be reached nobody has looked at the times")
    _keep_back(draft.kept_back, choices)
    variant, variant_propensity = _variants(draft.belief, part, draft.keys, seed=seed)
    planned = Planned(
        campaign,
        tenant_id,
        members,
        draft.send_ids,
        choices,
        draft.scored,
        Wordings(variant, variant_propensity, draft.belief if len(campaign.variants) > 1 else None),
        draft.knowing.arm,
        draft.asked.forecast,
        draft.send_propensity,
    )
    columns = plan_columns(planned)
    return Plan(
        tenant_id,
        campaign.campaign_id,
        PlannedSends(columns),
        Decisions(columns),
        campaign.revision,
    )


def _keep_back(some: NDArray[np.bool_], choices: Choices) -> None:
    """Suppress these messages; that each had a slot stays known: it would have come then."""
    kept = some & (choices.slot >= 0)
    choices.suppressed_by[kept] = EndReason.KEPT_BACK
    choices.explored[kept] = False  # with what nobody gets nothing is explored, and no budget spent


def _variants(
    belief: VariantBelief,
    part: NDArray[np.int8],
    keys: Sequence[tuple[str, ...]],
    *,
    seed: int,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Draw a variant for each chosen time; return its index and its probability at that time."""
    if len(belief.distributions[0]) == 1:
        return np.zeros(len(keys), np.intp), np.ones(len(keys))
    by_part = np.array(belief.distributions)
    drawn = draw(by_part[part], uniforms(seed, "variant", keys))
    return drawn, by_part[part, drawn]
