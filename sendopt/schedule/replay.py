"""Plans sends again out of their decision records, and tells what comes out otherwise.

A record holds what was said of every candidate time, what barred it, and what else the choice
rests on; chance follows from the seed. So arm, time, wording and every probability of a send can
be worked out anew, to the bit, whatever has become of its user, devices, limits and models since.

Not from here: sends that were placed beside those of others (under a capacity or a cost, or
together with other campaigns), for of the others nothing is kept; nor those whose wording or hour
rests on what was learned of earlier answers. These are counted, by what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np

from sendopt.clock import zone_database
from sendopt.records import (
    BARS,
    PSEUDONYM_PREFIX,
    Campaign,
    Decision,
    Device,
    DeviceId,
    EndReason,
    Exclusion,
    ExplorationBound,
    FallbackReason,
    PlannedSend,
    Policy,
    SendId,
    ServedBy,
    Slot,
    TenantId,
    UserId,
)
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.bars import NO_BAR
from sendopt.schedule.forecast import Forecast, PastOutcomes
from sendopt.schedule.plan import plan
from sendopt.schedule.scored import Scored
from sendopt.schedule.slot_grid import grid_of
from sendopt.schedule.variants import even_split

#: What of a send, and of its decision, is worked out anew.
_OF_SEND = ("arm", "variant_id", "due_at", "expires_at")
_OF_DECISION = (
    *("policy", "propensity", "explored", "exploration_bound_by", "gain_probability"),
    *("abstention_reason", "binding_constraint", "fallback_reason", "served_by"),
    *("variant_propensity", "send_propensity"),
)


class Missing(StrEnum):
    """Why a send cannot be planned again from its record."""

    ERASED = "erased"  # its user was, and with them what was weighed
    UNREACHABLE = "unreachable"  # nothing was chosen: nobody could be reached
    ASKED_FOR = "asked_for"  # by itself, and not as one of an audience
    OTHER_REVISION = "other_revision"  # of the campaign than the one that holds
    LIMITS = "limits"  # it was placed beside the messages of others
    LEARNED = "learned"  # its wording or hour rests on earlier answers


@dataclass(frozen=True, slots=True)
class Kept:
    """A send as it was planned."""

    send: PlannedSend
    decision: Decision
    revision: int
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """What of a send comes out otherwise."""

    send_id: SendId
    field: str
    committed: Any
    again: Any


@dataclass(frozen=True, slots=True)
class Replay:
    """What comes of planning a campaign again.

    Attributes:
        compared: sends that were planned again.
        differing: those of them of which anything differs.
        first: of these the first differences.
        missing: sends that were not, by why.
        by_other_zones: of the sends that were, how many were planned by which other release of the
            zone database: where clocks have been set otherwise since, these may differ.
    """

    compared: int
    differing: int
    first: Sequence[Difference]
    missing: Mapping[Missing, int]
    by_other_zones: Mapping[str, int]


def replay(
    campaign: Campaign,
    tenant_id: TenantId,
    sends: Sequence[Kept],
    *,
    seed: int,
    together: bool = False,
    most_told: int = 20,
) -> Replay:
    """Plan sends of a campaign again and compare.

    Args:
        campaign: in the revision that holds.
        tenant_id: whose it is.
        sends: all, in order of user.
        seed: of every chance.
        together: whether it was planned beside other campaigns.
        most_told: so many differences are told.
    """
    missing: Counter[Missing] = Counter()
    plans: dict[tuple[Any, ...], list[Kept]] = {}
    for kept in sends:
        lacks = _lacks(campaign, kept)
        if lacks is None:
            plans.setdefault(_of_one_plan(kept), []).append(kept)
        else:
            missing[lacks] += 1
    found: list[Difference] = []
    zones: Counter[str] = Counter()
    for one_plan in plans.values():
        if together or any(map(_is_placed_beside_others, one_plan)):
            missing[Missing.LIMITS] += len(one_plan)
        else:
            found += _differences(campaign, tenant_id, one_plan, seed=seed)
            zones.update(kept.decision.zone_database or zone_database() for kept in one_plan)
    del zones[zone_database()]
    return Replay(
        compared=len(sends) - missing.total(),
        differing=len({each.send_id for each in found}),
        first=found[:most_told],
        missing=dict(missing),
        by_other_zones=dict(zones),
    )


def _lacks(campaign: Campaign, kept: Kept) -> Missing | None:
    """Return what of a send nobody knows any more, apart from the messages of others."""
    send, decision = kept.send, kept.decision
    is_learned = (
        decision.policy in {Policy.POPULATION_HOUR, Policy.USER_HISTOGRAM}
        or decision.fallback_reason == FallbackReason.TOO_FEW_ANSWERS
        or decision.variant_confidence not in {None, even_split(len(campaign.variants)).confidence}
    )
    is_erased = send.user_id.startswith(PSEUDONYM_PREFIX) or send.reason is EndReason.USER_ERASED
    lacking = {
        Missing.ERASED: is_erased,
        Missing.ASKED_FOR: bool(send.send_key),
        Missing.OTHER_REVISION: kept.revision != campaign.revision,
        Missing.UNREACHABLE: decision.policy == Policy.NONE,
        Missing.LEARNED: is_learned,
    }
    return next((each for each, is_lacking in lacking.items() if is_lacking), None)


def _is_placed_beside_others(kept: Kept) -> bool:
    """Tell whether a send gave way to others for room or cost, or shared a minute with them."""
    send, decision = kept.send, kept.decision
    slot = decision.chosen_slot
    return (
        send.reason is EndReason.NOT_WORTH_ITS_COST
        or (slot is not None and slot.starts_at != decision.chosen_at)
        or any(each.excluded_by is Exclusion.CAPACITY for each in decision.slots)
    )


def _of_one_plan(kept: Kept) -> tuple[Any, ...]:
    """Return by what sends of one plan are told from those of another."""
    decision = kept.decision
    return kept.planned_at, decision.model_version, decision.log_snapshot, decision.zone_database


def _differences(
    campaign: Campaign, tenant_id: TenantId, sends: Sequence[Kept], *, seed: int
) -> list[Difference]:
    chances = [kept.decision.send_propensity for kept in sends]
    again = plan(
        campaign,
        tenant_id,
        [_member(kept) for kept in sends],
        _forecast(campaign, sends),
        _past_outcomes(campaign, sends),
        no_send_share=1.0 - min((chance for chance in chances if chance is not None), default=1.0),
        seed=seed,
        numbers=[kept.send.send_id for kept in sends],
    )
    return [
        Difference(kept.send.send_id, name, getattr(was, name), getattr(now, name))
        for kept, send, decision in zip(sends, again.sends, again.decisions, strict=True)
        for was, now, names in (
            (kept.send, send, _OF_SEND),
            (kept.decision, decision, _OF_DECISION),
        )
        for name in names
        if getattr(was, name) != getattr(now, name)
    ]


def _member(kept: Kept) -> AudienceMember:
    send, decision = kept.send, kept.decision
    # To which of a user's devices it went decides on nothing that is compared.
    device = Device(send.device_id or DeviceId(""), UserId(send.user_id), send.channel, {})
    return AudienceMember(
        send.user_id,
        device,
        decision.timezone,
        decision.timezone_source,
        quiet_offsets=decision.quiet_offsets or (),
        timezone_confidence=decision.timezone_confidence,
    )


def _forecast(campaign: Campaign, sends: Sequence[Kept]) -> Forecast:
    """Say of every candidate time what the records say."""
    rows_of: dict[tuple[str, tuple[Slot, ...]], list[int]] = {}
    for row, kept in enumerate(sends):
        unsaid = tuple(map(_of_all, kept.decision.slots))
        rows_of.setdefault((kept.decision.timezone, unsaid), []).append(row)
    scored = []
    for (timezone, slots), rows in rows_of.items():
        said = [
            [(slot.open_probability, slot.logit_sd) for slot in sends[row].decision.slots]
            for row in rows
        ]
        probability, logit_sd = np.moveaxis(np.array(said, np.float64), 2, 0)
        barred_by = np.array(
            [[_bar(slot) for slot in sends[row].decision.slots] for row in rows], np.int8
        )
        grid = grid_of(campaign, slots, timezone=timezone)
        scored.append(Scored(np.array(rows, np.intp), grid, probability, logit_sd, barred_by))
    decisions = [kept.decision for kept in sends]
    reasons = [each.fallback_reason for each in decisions]
    said_by = [
        each.served_by
        for each in decisions
        if each.served_by not in {None, ServedBy.CONFIGURED_TIME}
    ]
    return Forecast(
        scored,
        decisions[0].model_version,
        decisions[0].log_snapshot,
        next((each for each in reasons if each not in {None, FallbackReason.NOT_SCORED}), None),
        next((each for each in said_by if each is not None), ServedBy.CHAMPION),
    )


def _of_all(slot: Slot) -> Slot:
    """Return what of a slot all have in common."""
    return Slot(slot.starts_at, None, None if slot.excluded_by in BARS else slot.excluded_by)


def _bar(slot: Slot) -> int:
    return NO_BAR if slot.excluded_by not in BARS else BARS.index(slot.excluded_by)


def _past_outcomes(campaign: Campaign, sends: Sequence[Kept]) -> PastOutcomes:
    """Return whose budget of exploration was spent."""
    spent = ExplorationBound.BUDGET_SPENT
    return PastOutcomes(
        {
            kept.send.user_id: campaign.exploration.per_user
            for kept in sends
            if kept.decision.exploration_bound_by == spent
        }
    )
