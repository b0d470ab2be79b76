"""Gives every member of a campaign's audience one time, or one reason for none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvalidInput, InvariantBroken
from sendopt.records import (
    Arm,
    Campaign,
    Decisions,
    EndReason,
    Plan,
    PlannedSends,
    Policy,
    SendId,
    TenantId,
    UserId,
)
from sendopt.schedule.arms import kept_back, kept_back_share, user_arms
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.choices import Choices
from sendopt.schedule.choose import Knowledge, choose
from sendopt.schedule.decisions import Planned, Wordings, plan_columns
from sendopt.schedule.earliest import take_earliest
from sendopt.schedule.explore import explore
from sendopt.schedule.forecast import Forecast, PastOutcomes
from sendopt.schedule.identity import draw_key, send_ids, uniforms
from sendopt.schedule.policy import draw
from sendopt.schedule.variants import VariantBelief, even_split

NOTHING_LEARNED = PastOutcomes()


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
    """Choose every member's time and wording. The same arguments give the same plan.

    Args:
        campaign: what to send, the limits, and how to choose.
        tenant_id: whose campaign it is.
        members: the audience, each user once, reachable or not.
        forecast: of the candidate times of all who may be reached, on their `shared_grids`. Who
            has no score for any allowed one is sent at the campaign's configured time; who alone
            is missing gets "not_scored" as the reason.
        past_outcomes: by which exploring is limited, and wordings are shared out.
        no_send_share: of the messages that may be kept back, so many are, to measure what sending
            does; see `kept_back_share`.
        seed: of every chance in the plan.
        numbers: of the members' sends; None = each user's only one.

    Raises:
        InvalidInput: `duplicate_id`.
        InvariantBroken: the forecast leaves out somebody who may be reached.
    """
    user_ids = [member.user_id for member in members]
    _refuse_repeated(user_ids)
    belief = past_outcomes.belief or even_split(len(campaign.variants))
    if numbers is None:
        numbers = send_ids(tenant_id, campaign.campaign_id, user_ids)
    keys = [draw_key(number, revision=campaign.revision) for number in numbers]
    explored_counts = past_outcomes.explored_counts
    arms = user_arms(campaign, seed=seed, tenant_id=tenant_id, user_ids=user_ids)
    knowing = Knowledge(
        arms,
        np.array([explored_counts.get(user_id, 0) for user_id in user_ids], np.int64),
        lambda rows: uniforms(seed, "slot", [keys[row] for row in rows.tolist()]),
        forecast.fallback_reason,
        forecast.hours,
        np.array(belief.bonus) if belief.suits_parts_of_day else None,
    )
    choices = _unreachable(members)
    weighed = [said.as_kept() for said in forecast.scored]
    part = np.zeros(len(members), np.int8)
    for scored in weighed:
        if campaign.at_once:
            take_earliest(scored, choices)
        else:
            choose(campaign, scored, knowing, choices)
            explore(campaign, scored, knowing, choices)
        taken = choices.slot[scored.rows]
        part[scored.rows] = np.where(taken < 0, 0, scored.grid.part[taken])
    if any(policy is None for policy in choices.policy):
        raise InvariantBroken("of some who may be reached nobody has looked at the times")
    share = kept_back_share(campaign, no_send_share)
    _keep_back((arms == Arm.NO_SEND) | kept_back(share, seed=seed, send_ids=numbers), choices)
    variant, variant_propensity = _variants(belief, part, keys, seed=seed)
    planned = Planned(
        campaign,
        tenant_id,
        members,
        numbers,
        choices,
        weighed,
        Wordings(variant, variant_propensity, belief if len(campaign.variants) > 1 else None),
        arms,
        forecast,
        1.0 - share if share else None,
    )
    columns = plan_columns(planned)
    return Plan(
        tenant_id,
        campaign.campaign_id,
        PlannedSends(columns),
        Decisions(columns),
        campaign.revision,
    )


def _unreachable(members: Sequence[AudienceMember]) -> Choices:
    """Return the choices of all, made for those who may not be reached."""
    choices = Choices.none(len(members))
    for row, member in enumerate(members):
        if member.suppressed_by is not None or member.device is None:
            choices.policy[row] = Policy.NONE
            choices.suppressed_by[row] = member.suppressed_by or EndReason.NO_DEVICE
    return choices


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


def _refuse_repeated(user_ids: Sequence[UserId]) -> None:
    user_id, count = next(iter(Counter(user_ids).most_common(1)), ("", 1))
    if count > 1:
        raise InvalidInput(
            f"user {user_id!r} stands in the audience {count} times",
            code="duplicate_id",
            field="people",
            expected="each user once, with the device to reach them on",
        )
