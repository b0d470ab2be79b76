"""Gives every person of a campaign's audience one time, or one reason for none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sendopt.clock import zone_of
from sendopt.errors import InvalidInput
from sendopt.records import (
    Campaign,
    Decision,
    Plan,
    PlannedSend,
    SendState,
    Slot,
    TenantId,
    UserId,
)
from sendopt.schedule.candidates import Person, candidate_slots
from sendopt.schedule.identity import send_id, variant_of
from sendopt.schedule.windows import minutes_apart

NO_PROBABILITIES: Mapping[datetime, float] = {}


def plan(
    campaign: Campaign,
    tenant_id: TenantId,
    people: Sequence[Person],
    probabilities: Mapping[UserId, Mapping[datetime, float]],
    *,
    model_version: str | None,
    log_snapshot: int | None,
    fallback_reason: str | None,
    now: datetime,
) -> Plan:
    """Choose every person's time. The same arguments give the same plan.

    Args:
        campaign: what to send, and the limits.
        tenant_id: whose campaign it is.
        people: the audience, each user once, reachable or not.
        probabilities: of an open, by user and candidate instant. Who has none for any allowed
            candidate is sent at the campaign's fallback time.
        model_version: the model that spoke; None if none did.
        log_snapshot: the log as that model saw it.
        fallback_reason: why no model spoke, or None; who alone is missing in `probabilities`
            gets "not_scored".
        now: nothing is planned before it.

    Raises:
        InvalidInput: `duplicate_id`, `zone_invalid`.
    """
    _refuse_repeated(people)
    sends = []
    decisions = []
    for person in people:
        slots = _scored_slots(
            campaign, person, probabilities.get(person.user_id, NO_PROBABILITIES), now=now
        )
        choice = _choose(campaign, person, slots, fallback_reason)
        send = _planned_send(campaign, tenant_id, person, choice)
        sends.append(send)
        decisions.append(
            Decision(
                send_id=send.send_id,
                slots=slots,
                chosen_at=choice.at,
                propensity=None if choice.at is None else 1.0,  # both policies are deterministic
                policy=choice.policy,
                binding_constraint=choice.binding_constraint,
                fallback_reason=choice.fallback_reason,
                model_version=model_version,
                log_snapshot=log_snapshot,
                timezone=person.timezone,
                timezone_source=person.timezone_source,
            )
        )
    return Plan(tenant_id, campaign.campaign_id, tuple(sends), tuple(decisions))


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was decided for one person."""

    policy: str  # "greedy", "fallback", or "none" for people who may not be reached
    at: datetime | None = None
    suppressed_by: str | None = None
    binding_constraint: str | None = None
    fallback_reason: str | None = None


def _scored_slots(
    campaign: Campaign, person: Person, probabilities: Mapping[datetime, float], *, now: datetime
) -> tuple[Slot, ...]:
    """Return the candidates with their probabilities, the excluded ones too.

    Empty where there is nothing to decide: nobody weighs the hours of who may not be reached.
    """
    if _suppressed_by(person) is not None:
        return ()
    slots = candidate_slots(campaign, person, now=now)
    if not probabilities:
        return slots
    return tuple(
        Slot(slot.starts_at, probabilities.get(slot.starts_at), slot.excluded_by) for slot in slots
    )


def _suppressed_by(person: Person) -> str | None:
    return person.suppressed_by or ("no_device" if person.device is None else None)


def _choose(
    campaign: Campaign, person: Person, slots: Sequence[Slot], fallback_reason: str | None
) -> _Choice:
    """Take the most likely allowed slot, or the one nearest to the fallback time."""
    suppressed_by = _suppressed_by(person)
    if suppressed_by is not None:
        return _Choice("none", suppressed_by=suppressed_by)
    allowed = [slot for slot in slots if slot.excluded_by is None]
    greedy = any(slot.open_probability is not None for slot in allowed or slots)
    if greedy:
        preference: Callable[[Slot], float] = _by_probability
    else:
        preference = _by_fallback_time(campaign, person)
        fallback_reason = fallback_reason or "not_scored"
    # max takes the first of equals, and slots are sorted: ties go to the earliest.
    ideal = max(slots, key=preference)
    chosen = max(allowed, key=preference, default=None)
    bound = chosen is None or preference(ideal) > preference(chosen)
    return _Choice(
        policy="greedy" if greedy else "fallback",
        at=None if chosen is None else chosen.starts_at,
        suppressed_by="no_allowed_slot" if chosen is None else None,
        binding_constraint=ideal.excluded_by if bound else None,
        fallback_reason=None if greedy else fallback_reason,
    )


def _by_probability(slot: Slot) -> float:
    # Below every probability: a slot that could not be scored never wins against one that could.
    return -1.0 if slot.open_probability is None else slot.open_probability


def _by_fallback_time(campaign: Campaign, person: Person) -> Callable[[Slot], float]:
    """Prefer what stands nearest to the fallback time on the user's clock face."""
    zone = zone_of(person.timezone)

    def nearness(slot: Slot) -> float:
        shown = slot.starts_at.astimezone(zone).time()
        return -minutes_apart(shown, campaign.fallback_local_time)

    return nearness


def _planned_send(
    campaign: Campaign, tenant_id: TenantId, person: Person, choice: _Choice
) -> PlannedSend:
    # A retry must not leave the window either.
    expires_at = (
        None if choice.at is None else min(choice.at + campaign.time_to_live, campaign.latest_at)
    )
    variant = variant_of(campaign.variants, tenant_id, campaign.campaign_id, person.user_id)
    return PlannedSend(
        tenant_id=tenant_id,
        send_id=send_id(tenant_id, campaign.campaign_id, person.user_id),
        campaign_id=campaign.campaign_id,
        variant_id=variant.variant_id,
        user_id=person.user_id,
        device_id=None if choice.at is None or person.device is None else person.device.device_id,
        channel=campaign.channel,
        due_at=choice.at,
        expires_at=expires_at,
        state=SendState.PLANNED if choice.at is not None else SendState.SUPPRESSED,
        reason=choice.suppressed_by,
    )


def _refuse_repeated(people: Sequence[Person]) -> None:
    user_id, count = next(
        iter(Counter(person.user_id for person in people).most_common(1)), ("", 1)
    )
    if count > 1:
        raise InvalidInput(
            f"user {user_id!r} stands in the audience {count} times",
            code="duplicate_id",
            field="people",
            expected="each user once, with the device to reach them on",
        )
