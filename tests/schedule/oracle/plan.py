"""Plans one member after the other, as objects: the oracle of the planner in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from schedule.oracle.choose import Bonus, Choice, choose
from schedule.oracle.identity import draw_key, experiment_arm_of, uniform
from schedule.oracle.identity import send_id as identify
from schedule.oracle.local_window import expires_at
from schedule.oracle.policy import draw

from sendopt.clock import zone_database, zone_of
from sendopt.records import (
    Arm,
    Campaign,
    Decision,
    EndReason,
    Exclusion,
    MessageClass,
    Plan,
    PlannedSend,
    Policy,
    Score,
    SendId,
    SendState,
    ServedBy,
    Slot,
    TenantId,
    UserId,
    VariantId,
)
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.candidates import candidate_slots
from sendopt.schedule.forecast import Forecast, PastOutcomes
from sendopt.schedule.variants import VariantBelief, even_split, part_of_day

NO_SCORES: Mapping[datetime, Score] = {}
NO_BARS: Mapping[UserId, Mapping[datetime, Exclusion]] = {}
NOTHING_LEARNED = PastOutcomes()


def plan(
    campaign: Campaign,
    tenant_id: TenantId,
    members: Sequence[AudienceMember],
    forecast: Forecast,
    past_outcomes: PastOutcomes = NOTHING_LEARNED,
    *,
    scores: Mapping[UserId, Mapping[datetime, Score]],
    now: datetime,
    seed: int = 1,
    bars: Mapping[UserId, Mapping[datetime, Exclusion]] = NO_BARS,
    no_send_share: float = 0.0,
) -> Plan:
    """Choose every member's time and wording. The same arguments give the same plan.

    Args:
        campaign: what to send, the limits, and how to choose.
        tenant_id: whose campaign it is.
        members: the audience, each user once, reachable or not.
        forecast: of their candidate times. Who has no score for any allowed one is sent at the
            campaign's configured time; who alone is missing gets "not_scored" as the reason.
        past_outcomes: by which exploring is limited, and wordings are shared out.
        now: nothing is planned before it.
        seed: of every chance in the plan.
        bars: what limits over all campaigns put out of the question.
        no_send_share: of messages that are kept back.

    Raises:
        InvalidInput: `duplicate_id`, `zone_invalid`.
    """
    belief = past_outcomes.belief or even_split(len(campaign.variants))
    sends = []
    decisions = []
    for row, member in enumerate(members):
        said = scores.get(member.user_id, NO_SCORES)
        barred = bars.get(member.user_id, {})
        slots = tuple(
            replace(slot, excluded_by=slot.excluded_by or barred.get(slot.starts_at))
            for slot in _scored_slots(campaign, member, said, now=now)
        )
        arm = experiment_arm_of(campaign, seed=seed, tenant_id=tenant_id, user_id=member.user_id)
        number = identify(tenant_id, campaign.campaign_id, member.user_id)
        key = draw_key(number, revision=campaign.revision)
        choice = choose(
            campaign,
            member,
            slots,
            arm=arm,
            uniform=partial(uniform, seed, "slot", *key),
            explored_count=past_outcomes.explored_counts.get(member.user_id, 0),
            fallback_reason=forecast.fallback_reason,
            hours={rule: known[row].tolist() for rule, known in forecast.hours.items()},
            bonus=_bonus(belief, member),
        )
        owed = campaign.urgent or campaign.message_class is not MessageClass.MARKETING
        share = 0.0 if owed else no_send_share
        is_kept = arm is Arm.NO_SEND or uniform(seed, "no send", number) < share
        if is_kept and choice.at is not None:
            choice = replace(choice, suppressed_by=EndReason.KEPT_BACK, explored=False)
        variant, variant_propensity = _variant(belief, member, choice, key, seed=seed)
        sends.append(
            _planned_send(
                campaign,
                tenant_id,
                member,
                choice,
                send_id=number,
                variant_id=campaign.variants[variant].variant_id,
                arm=arm,
            )
        )
        one_variant = len(campaign.variants) == 1
        decisions.append(
            Decision(
                send_id=number,
                slots=slots,
                chosen_at=choice.at,
                propensity=choice.propensity,
                policy=choice.policy,
                binding_constraint=choice.binding_constraint,
                fallback_reason=choice.fallback_reason,
                model_version=forecast.model_version,
                log_snapshot=forecast.log_snapshot,
                timezone=member.timezone,
                timezone_source=member.timezone_source,
                served_by=_served_by(choice, forecast.served_by),
                gain_probability=choice.gain_probability,
                abstention_reason=choice.abstention_reason,
                explored=choice.explored,
                exploration_bound_by=choice.exploration_bound_by,
                variant_propensity=None if choice.at is None else variant_propensity,
                variant_evidence=None if one_variant else belief.evidence,
                variant_confidence=None if one_variant else belief.confidence,
                send_propensity=(
                    1.0 - share if share and choice.at and arm is not Arm.NO_SEND else None
                ),
                timezone_confidence=member.timezone_confidence,
                quiet_offsets=member.quiet_offsets or None,
                zone_database=zone_database(),
            )
        )
    return Plan(tenant_id, campaign.campaign_id, tuple(sends), tuple(decisions), campaign.revision)


def _scored_slots(
    campaign: Campaign, member: AudienceMember, scores: Mapping[datetime, Score], *, now: datetime
) -> tuple[Slot, ...]:
    """Return the candidates with their scores, the excluded ones too.

    Empty where there is nothing to decide: nobody weighs the hours of who may not be reached.
    """
    if member.suppressed_by is not None or member.device is None:
        return ()
    slots = candidate_slots(campaign, member, now=now)
    if not scores:
        return slots
    said = [scores.get(slot.starts_at) for slot in slots]
    return tuple(
        slot
        if score is None
        else Slot(slot.starts_at, score.open_probability, slot.excluded_by, score.logit_sd)
        for slot, score in zip(slots, said, strict=True)
    )


def _bonus(belief: VariantBelief, member: AudienceMember) -> Bonus | None:
    """Return what the wording adds to a slot by the part of the day on the user's clock."""
    if not belief.suits_parts_of_day:
        return None
    zone = zone_of(member.timezone)
    return lambda slot: belief.bonus[part_of_day(slot.starts_at.astimezone(zone).hour)]


def _variant(
    belief: VariantBelief,
    member: AudienceMember,
    choice: Choice,
    key: tuple[str, ...],
    *,
    seed: int,
) -> tuple[int, float]:
    """Draw a variant for the chosen time; return its index and its probability at that time."""
    part = 0
    if choice.at is not None:
        part = part_of_day(choice.at.astimezone(zone_of(member.timezone)).hour)
    drawn = draw(belief.distributions[part], uniform(seed, "variant", *key))
    return drawn.chosen, drawn.propensity


def _served_by(choice: Choice, served_by: ServedBy) -> ServedBy | None:
    match choice.policy:
        case Policy.NONE | Policy.RANDOM:
            return None
        case Policy.FALLBACK:
            return ServedBy.CONFIGURED_TIME
        case Policy.CONFIGURED if choice.abstention_reason is None:
            return ServedBy.CONFIGURED_TIME
        case Policy.POPULATION_HOUR:
            return ServedBy.TENANT_HISTOGRAM
        case Policy.USER_HISTOGRAM:
            return ServedBy.USER_HISTOGRAM
        case _:
            return served_by


def _planned_send(
    campaign: Campaign,
    tenant_id: TenantId,
    member: AudienceMember,
    choice: Choice,
    *,
    send_id: SendId,
    variant_id: VariantId,
    arm: Arm | None,
) -> PlannedSend:
    # A retry must not leave the window either.
    at = choice.at
    ends_at = None if at is None else expires_at(campaign, zone_of(member.timezone), at)
    goes_out = choice.suppressed_by is None
    return PlannedSend(
        tenant_id=tenant_id,
        send_id=send_id,
        campaign_id=campaign.campaign_id,
        variant_id=variant_id,
        user_id=member.user_id,
        device_id=member.device.device_id if goes_out and member.device else None,
        channel=campaign.channel,
        due_at=choice.at,
        expires_at=ends_at,
        state=SendState.PLANNED if goes_out else SendState.SUPPRESSED,
        reason=choice.suppressed_by,
        arm=arm,
        urgent=campaign.message_class is MessageClass.URGENT,
    )
