"""Chooses the slot of one member at a time: the oracle of what is chosen in columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from schedule.oracle.policy import chance_of_gain, draw, draw_slot

from sendopt.clock import zone_of
from sendopt.records import (
    AbstentionReason,
    Arm,
    Campaign,
    EndReason,
    Exclusion,
    ExplorationBound,
    FallbackReason,
    HoldoutTime,
    Policy,
    Slot,
)
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.windows import minutes_apart

#: Keeps logits finite; no log can tell a likelihood below this from none.
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided for one member; the fields mean what they mean in `Decision`."""

    policy: Policy
    at: datetime | None = None
    propensity: float | None = None
    suppressed_by: EndReason | None = None
    binding_constraint: Exclusion | None = None
    fallback_reason: FallbackReason | None = None
    gain_probability: float | None = None
    abstention_reason: AbstentionReason | None = None
    explored: bool | None = None
    exploration_bound_by: ExplorationBound | None = None


_ENDS = {
    Exclusion.LEAST_GAP: EndReason.FREQUENCY_CAP,
    Exclusion.FREQUENCY_CAP: EndReason.FREQUENCY_CAP,
    Exclusion.WEEKLY_BUDGET: EndReason.WEEKLY_BUDGET,
    Exclusion.VENDOR_QUOTA: EndReason.VENDOR_QUOTA,
    Exclusion.CAPACITY: EndReason.CAPACITY,
}

#: How good the simple rules think each local hour is for the member, where they know enough.
Hours = Mapping[Policy, Sequence[float]]

#: How much better a slot is on the logit scale for what the scores do not know: its wording.
Bonus = Callable[[Slot], float]


def choose(
    campaign: Campaign,
    member: AudienceMember,
    slots: Sequence[Slot],
    *,
    arm: Arm | None,
    uniform: Callable[[], float],
    explored_count: int,
    fallback_reason: FallbackReason | None,
    hours: Hours,
    bonus: Bonus | None = None,
) -> Choice:
    """Choose among the allowed `slots`, or say why none is taken.

    Args:
        campaign: the limits, and how to choose.
        member: reachable or not.
        slots: every candidate in order of time, scored or not, allowed or not.
        arm: of the experiment; None = no experiment.
        uniform: gives the send's chance, in [0, 1), the same whenever it is asked.
        explored_count: sends of the last 30 days that left this user's best slot.
        fallback_reason: why no model spoke, or None; who alone has no score gets NOT_SCORED.
        hours: see `Hours`.
        bonus: see `Bonus`; None = nothing is known.
    """
    suppressed_by = member.suppressed_by or (EndReason.NO_DEVICE if member.device is None else None)
    if suppressed_by is not None:
        return Choice(Policy.NONE, suppressed_by=suppressed_by)
    allowed = [slot for slot in slots if slot.excluded_by is None]
    by_clock = _by_configured_time(campaign, member)
    control = _control(campaign, member, slots, allowed, arm=arm, uniform=uniform, hours=hours)
    if control is not None:
        return control
    if all(slot.open_probability is None for slot in allowed or slots):
        return replace(
            _configured(slots, allowed, by_clock, policy=Policy.FALLBACK),
            fallback_reason=fallback_reason or FallbackReason.NOT_SCORED,
        )
    choice, kept = _most_promising(campaign, slots, allowed, by_clock, bonus)
    choice = replace(choice, fallback_reason=fallback_reason)
    if kept is None:
        return choice
    return _explored(
        campaign,
        choice,
        allowed,
        kept=kept,
        bonus=bonus,
        explored_count=explored_count,
        uniform=uniform,
    )


def _control(
    campaign: Campaign,
    member: AudienceMember,
    slots: Sequence[Slot],
    allowed: Sequence[Slot],
    *,
    arm: Arm | None,
    uniform: Callable[[], float],
    hours: Hours,
) -> Choice | None:
    """Return the choice of an arm that goes by no score; None = the member's goes by the scores."""
    by_clock = _by_configured_time(campaign, member)
    random_holdout = campaign.holdout is not None and campaign.holdout.time == HoldoutTime.RANDOM
    if allowed and (arm is Arm.RANDOM or (arm is Arm.HOLDOUT and random_holdout)):
        return _at_random(allowed, uniform())
    if arm in {Arm.HOLDOUT, Arm.RANDOM, Arm.CONFIGURED}:
        return _configured(slots, allowed, by_clock, policy=Policy.CONFIGURED)
    if arm not in {Arm.POPULATION_HOUR, Arm.USER_HISTOGRAM}:
        return None
    rule = Policy(arm)
    if rule in hours:
        return _best_hour(member, slots, allowed, by_clock, hours=hours[rule], rule=rule)
    return replace(
        _configured(slots, allowed, by_clock, policy=Policy.FALLBACK),
        fallback_reason=FallbackReason.TOO_FEW_ANSWERS,
    )


def _most_promising(
    campaign: Campaign,
    slots: Sequence[Slot],
    allowed: Sequence[Slot],
    by_clock: Callable[[Slot], float],
    bonus: Bonus | None,
) -> tuple[Choice, Slot | None]:
    """Return the slot to take where nothing is explored: the best, or the configured one."""
    value = _value(bonus)
    # Ordering needs no logits, unless something is added to them.
    order = _by_probability if bonus is None else value
    ideal = max(slots, key=order)  # the first of equals, and slots are sorted: the earliest
    best = max(allowed, key=order, default=None)
    if best is None:
        return Choice(
            campaign.exploration.policy,
            suppressed_by=_end_of(slots, by_clock),
            binding_constraint=ideal.excluded_by,
        ), None
    bound = order(ideal) > order(best)
    choice = Choice(
        campaign.exploration.policy, binding_constraint=ideal.excluded_by if bound else None
    )
    if campaign.least_confidence is None:
        return choice, best
    configured = max(allowed, key=by_clock)
    if configured is best or configured.open_probability is None:
        return choice, best
    # Two slots' places are taken as independent. Neighbours in time are not: where their errors go
    # together the variance is overstated, and the configured time stays more often than it need.
    gain = chance_of_gain(
        value(best), best.logit_sd or 0.0, value(configured), configured.logit_sd or 0.0
    )
    choice = replace(choice, gain_probability=gain)
    if gain >= campaign.least_confidence:
        return choice, best
    return replace(choice, abstention_reason=AbstentionReason.GAIN_NOT_PROVEN), configured


def _explored(
    campaign: Campaign,
    choice: Choice,
    allowed: Sequence[Slot],
    *,
    kept: Slot,
    bonus: Bonus | None,
    explored_count: int,
    uniform: Callable[[], float],
) -> Choice:
    """Draw the slot by the campaign's policy, or take `kept` where nothing may be explored."""
    bound_by = _exploration_bound_by(campaign, explored_count)
    if campaign.exploration.policy == Policy.GREEDY or bound_by is not None:
        return replace(
            choice,
            policy=Policy.CONFIGURED if choice.abstention_reason else Policy.GREEDY,
            at=kept.starts_at,
            propensity=1.0,
            explored=False,
            exploration_bound_by=bound_by,
        )
    value = _value(bonus)
    drawn = draw_slot(
        [value(slot) for slot in allowed],
        [slot.logit_sd or 0.0 for slot in allowed],
        best=allowed.index(kept),
        exploration=campaign.exploration,
        uniform=uniform(),
    )
    return replace(
        choice,
        at=allowed[drawn.chosen].starts_at,
        propensity=drawn.propensity,
        explored=allowed[drawn.chosen] is not kept,
    )


def _exploration_bound_by(campaign: Campaign, explored_count: int) -> ExplorationBound | None:
    """Return what forbids the campaign's exploration for this user; None = nothing does."""
    if campaign.exploration.policy == Policy.GREEDY:
        return None
    if campaign.urgent:
        return ExplorationBound.URGENT
    return (
        ExplorationBound.BUDGET_SPENT if explored_count >= campaign.exploration.per_user else None
    )


def _at_random(allowed: Sequence[Slot], uniform: float) -> Choice:
    """Take any allowed slot, each with the same probability."""
    drawn = draw((1.0 / len(allowed),) * len(allowed), uniform)
    return Choice(
        Policy.RANDOM,
        at=allowed[drawn.chosen].starts_at,
        propensity=drawn.propensity,
        explored=False,  # the control chose it, not the policy: no budget pays for it
    )


def _configured(
    slots: Sequence[Slot],
    allowed: Sequence[Slot],
    by_clock: Callable[[Slot], float],
    *,
    policy: Policy,
) -> Choice:
    """Take the allowed slot nearest to the configured time."""
    ideal = max(slots, key=by_clock)
    chosen = max(allowed, key=by_clock, default=None)
    if chosen is None:
        return Choice(
            policy, suppressed_by=_end_of(slots, by_clock), binding_constraint=ideal.excluded_by
        )
    bound = by_clock(ideal) > by_clock(chosen)
    return Choice(
        policy,
        at=chosen.starts_at,
        propensity=1.0,
        binding_constraint=ideal.excluded_by if bound else None,
        explored=False,
    )


def _end_of(slots: Sequence[Slot], by_clock: Callable[[Slot], float]) -> EndReason:
    """Tell how a message ends that has no time: by what the campaign itself would have allowed."""
    barred = [slot for slot in slots if slot.excluded_by in _ENDS]
    if not barred:
        return EndReason.NO_ALLOWED_SLOT
    return _ENDS[max(barred, key=by_clock).excluded_by]


def _best_hour(
    member: AudienceMember,
    slots: Sequence[Slot],
    allowed: Sequence[Slot],
    by_clock: Callable[[Slot], float],
    *,
    hours: Sequence[float],
    rule: Policy,
) -> Choice:
    """Take the earliest allowed slot of the best hour that has one."""
    zone = zone_of(member.timezone)

    def good(slot: Slot) -> float:
        return hours[slot.starts_at.astimezone(zone).hour]

    ideal, best = max(slots, key=good), max(allowed, key=good, default=None)
    if best is None:
        return Choice(
            rule, suppressed_by=_end_of(slots, by_clock), binding_constraint=ideal.excluded_by
        )
    bound = good(ideal) > good(best)
    return Choice(
        rule,
        at=best.starts_at,
        propensity=1.0,
        binding_constraint=ideal.excluded_by if bound else None,
        explored=False,
    )


def _by_probability(slot: Slot) -> float:
    # Below every probability: a slot that could not be scored never wins against one that could.
    return -1.0 if slot.open_probability is None else slot.open_probability


def _value(bonus: Bonus | None) -> Callable[[Slot], float]:
    """Return how good a slot is on the logit scale."""
    if bonus is None:
        return lambda slot: _logit(slot.open_probability or 0.0)
    return lambda slot: _logit(slot.open_probability or 0.0) + bonus(slot)


def _logit(probability: float) -> float:
    p = min(max(probability, _LEAST_PROBABILITY), 1.0 - _LEAST_PROBABILITY)
    return math.log(p / (1.0 - p))


def _by_configured_time(campaign: Campaign, member: AudienceMember) -> Callable[[Slot], float]:
    """Prefer what stands nearest to the configured time on the user's clock face."""
    zone = zone_of(member.timezone)
    return lambda slot: -_minutes_off(slot.starts_at, zone, campaign.fallback_local_time)


@lru_cache(maxsize=65_536)  # everybody in a zone shares the instants of a grid
def _minutes_off(at: datetime, zone: ZoneInfo, configured: time) -> int:
    return minutes_apart(at.astimezone(zone).time(), configured)
