"""From what was chosen to a plan: the send and the decision record of each member, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sendopt.clock import zone_database
from sendopt.records import (
    AbstentionReason,
    Arm,
    Basis,
    Campaign,
    MessageClass,
    PlanColumns,
    Policy,
    SendId,
    SendState,
    ServedBy,
    TenantId,
)
from sendopt.schedule.arms import Arms
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.choices import Choices, Words
from sendopt.schedule.forecast import Forecast
from sendopt.schedule.packing import packed
from sendopt.schedule.scored import Scored
from sendopt.schedule.variants import VariantBelief


@dataclass(frozen=True, eq=False)
class Wordings:
    """Which variant each member gets.

    Attributes:
        variant: its place among the campaign's.
        propensity: P(this variant | the slot that is taken).
        belief: by which they were drawn; None = there is one variant.
    """

    variant: NDArray[np.intp]
    propensity: NDArray[np.float64]
    belief: VariantBelief | None


@dataclass(frozen=True, eq=False)
class Planned:
    """What a campaign comes to, in columns of one entry a member of the audience.

    Attributes:
        campaign: whose plan it is.
        tenant_id: whose campaign it is.
        members: the audience.
        send_ids: of each member's message.
        choices: of a slot, or why none is taken.
        scored: what was said of the slots of all whose slots were weighed.
        wordings: which variants they get.
        arm: of the member.
        forecast: on which the choices rest.
        send_propensity: with which chance each message was not kept back; None = nobody drew that.
    """

    campaign: Campaign
    tenant_id: TenantId
    members: Sequence[AudienceMember]
    send_ids: Sequence[SendId]
    choices: Choices
    scored: Sequence[Scored]
    wordings: Wordings
    arm: Arms
    forecast: Forecast
    send_propensity: float | None = None


def plan_columns(planned: Planned) -> PlanColumns:
    """Return the send and the decision of every member, in columns."""
    campaign, choices, members = planned.campaign, planned.choices, planned.members
    due_at, expires_at, grid, scores = _by_grid(planned)
    goes_out = _is_there(due_at) & ~_is_there(choices.suppressed_by)
    basis, bases = _bases(planned, grid)
    variants = np.array([variant.variant_id for variant in campaign.variants], np.object_)
    variant_propensity = planned.wordings.propensity.copy()
    variant_propensity[choices.slot < 0] = np.nan
    count = len(members)
    return PlanColumns(
        planned.tenant_id,
        campaign.campaign_id,
        bases=bases,
        basis=basis,
        send_id=planned.send_ids,
        user_id=[member.user_id for member in members],
        device_id=[
            member.device.device_id if goes and member.device is not None else None
            for member, goes in zip(members, goes_out.tolist(), strict=True)
        ],
        variant_id=variants[planned.wordings.variant].tolist(),
        channel=[campaign.channel] * count,
        due_at=due_at.tolist(),
        expires_at=expires_at.tolist(),
        state=_STATES[goes_out.astype(np.intp)].tolist(),
        reason=choices.suppressed_by.tolist(),
        arm=planned.arm.tolist(),
        urgent=[campaign.message_class is MessageClass.URGENT] * count,
        scores=scores.tolist(),
        propensity=_known(choices.propensity),
        gain_probability=_known(choices.gain_probability),
        explored=choices.explored.tolist(),
        variant_propensity=_known(variant_propensity),
        timezone_confidence=[member.timezone_confidence for member in members],
        quiet_offsets=[member.quiet_offsets or None for member in members],
    )


_MINUTE = timedelta(minutes=1)
_STATES = np.array([SendState.SUPPRESSED, SendState.PLANNED], np.object_)


def _by_grid(planned: Planned) -> tuple[Words, Words, NDArray[np.intp], Words]:
    """Return when each member is due, until when, which grid they have, and its scores."""
    campaign, count = planned.campaign, len(planned.members)
    due_at, expires_at, scores = (np.full(count, None, np.object_) for _ in range(3))
    grid = np.full(count, -1, np.intp)
    for number, scored in enumerate(planned.scored):
        rows, starts_at = scored.rows, scored.grid.starts_at
        # A retry must not leave the window either.
        ends_at = [
            min(at + campaign.time_to_live, closes_at)
            for at, closes_at in zip(starts_at, scored.grid.closes_at, strict=True)
        ]
        taken = planned.choices.slot[rows]  # -1 = none, which comes last
        due_at[rows] = np.array([*starts_at, None], np.object_)[taken]
        expires_at[rows] = np.array([*ends_at, None], np.object_)[taken]
        grid[rows] = number
        scores[rows] = packed(scored)
        for row in rows[planned.choices.delay[rows] > 0].tolist():
            closes_at = scored.grid.closes_at[planned.choices.slot[row]]
            due_at[row] += int(planned.choices.delay[row]) * _MINUTE
            expires_at[row] = min(due_at[row] + campaign.time_to_live, closes_at)
    return due_at, expires_at, grid, scores


def _bases(planned: Planned, grid: NDArray[np.intp]) -> tuple[list[int], list[Basis]]:
    """Return the number of each member's basis, and all bases by number."""
    choices, forecast, members = planned.choices, planned.forecast, planned.members
    belief = planned.wordings.belief
    numbers: dict[tuple[Any, ...], int] = {}
    keys = zip(
        grid.tolist(),
        choices.policy.tolist(),
        choices.binding_constraint.tolist(),
        choices.fallback_reason.tolist(),
        choices.abstention_reason.tolist(),
        choices.exploration_bound_by.tolist(),
        [member.timezone for member in members],
        [member.timezone_source for member in members],
        _chances_of_being_sent(planned),
        strict=True,
    )
    basis = [numbers.setdefault(key, len(numbers)) for key in keys]
    bases = [
        Basis(
            slots=() if number < 0 else planned.scored[number].grid.slots,
            policy=policy,
            binding_constraint=binding,
            fallback_reason=fallback,
            model_version=forecast.model_version,
            log_snapshot=forecast.log_snapshot,
            timezone=zone,
            timezone_source=source,
            served_by=_served_by(policy, abstention, forecast.served_by),
            abstention_reason=abstention,
            exploration_bound_by=bound_by,
            variant_evidence=None if belief is None else belief.evidence,
            variant_confidence=None if belief is None else belief.confidence,
            send_propensity=chance,
            zone_database=zone_database(),
        )
        for number, policy, binding, fallback, abstention, bound_by, zone, source, chance in numbers
    ]
    return basis, bases


def _chances_of_being_sent(planned: Planned) -> list[float | None]:
    """Return the chance with which each message was not kept back; None = nobody drew that."""
    drawn_for = (planned.choices.slot >= 0) & (planned.arm != Arm.NO_SEND)
    return [planned.send_propensity if drawn else None for drawn in drawn_for.tolist()]


def _served_by(
    policy: Policy, abstention: AbstentionReason | None, served_by: ServedBy
) -> ServedBy | None:
    match policy:
        case Policy.NONE | Policy.RANDOM | Policy.EARLIEST:
            return None
        case Policy.FALLBACK:
            return ServedBy.CONFIGURED_TIME
        case Policy.CONFIGURED if abstention is None:
            return ServedBy.CONFIGURED_TIME
        case Policy.POPULATION_HOUR:
            return ServedBy.TENANT_HISTOGRAM
        case Policy.USER_HISTOGRAM:
            return ServedBy.USER_HISTOGRAM
        case _:
            return served_by


def _is_there(column: Words) -> NDArray[np.bool_]:
    """Tell of each entry whether it is any."""
    return np.array([entry is not None for entry in column.tolist()], np.bool_)


def _known(numbers: NDArray[np.float64]) -> list[float | None]:
    """Return the numbers of a column; None = NaN, nobody knows it."""
    known = numbers.astype(np.object_)
    known[np.isnan(numbers)] = None
    return list(known)
