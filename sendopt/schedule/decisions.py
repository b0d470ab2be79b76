"""A plan's columns, shown as one send and one decision record at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from sendopt.records import (
    Campaign,
    Decision,
    MessageClass,
    PlannedSend,
    Policy,
    SendId,
    SendState,
    ServedBy,
    Slot,
    TenantId,
)
from sendopt.schedule.arms import Arms
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.bars import NO_BAR, WORDS
from sendopt.schedule.choices import Choices
from sendopt.schedule.forecast import Forecast
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
        scored_of: what was said of the member's slots; None = nobody weighed them.
        place: where the member stands in it.
        wordings: which variants they get.
        arm: of the member.
        forecast: on which the choices rest.
    """

    campaign: Campaign
    tenant_id: TenantId
    members: Sequence[AudienceMember]
    send_ids: Sequence[SendId]
    choices: Choices
    scored_of: Sequence[Scored | None]
    place: NDArray[np.intp]
    wordings: Wordings
    arm: Arms
    forecast: Forecast

    def slots(self, row: int) -> tuple[Slot, ...]:
        """Return the candidates of a member with their scores, the excluded ones too.

        Empty where there is nothing to decide: nobody weighs the hours of who may not be reached.
        """
        scored = self.scored_of[row]
        if scored is None:
            return ()
        place = self.place[row]
        probability, logit_sd = scored.probability[place], scored.logit_sd[place]
        said_nothing = np.isnan(probability).all() and np.isnan(logit_sd).all()
        if said_nothing and scored.barred_by is None:
            return scored.grid.slots
        everyone = np.full(len(scored.grid.slots), NO_BAR)
        barred = everyone if scored.barred_by is None else scored.barred_by[place]
        return tuple(
            Slot(slot.starts_at, _known(p), slot.excluded_by or bar, _known(sd))
            for slot, p, bar, sd in zip(
                scored.grid.slots,
                probability.tolist(),
                WORDS[barred].tolist(),
                logit_sd.tolist(),
                strict=True,
            )
        )


def planned_sends(planned: Planned) -> tuple[PlannedSend, ...]:
    """Return the send of every member."""
    campaign, choices = planned.campaign, planned.choices
    variants = [variant.variant_id for variant in campaign.variants]
    sends = []
    for row, (member, taken, variant) in enumerate(
        zip(
            planned.members,
            choices.slot.tolist(),
            planned.wordings.variant.tolist(),
            strict=True,
        )
    ):
        scored, reason = planned.scored_of[row], choices.suppressed_by[row]
        grid = None if scored is None or taken < 0 else scored.grid
        due_at = None if grid is None else grid.starts_at[taken]
        goes_out = due_at is not None and reason is None
        sends.append(
            PlannedSend(
                tenant_id=planned.tenant_id,
                send_id=planned.send_ids[row],
                campaign_id=campaign.campaign_id,
                variant_id=variants[variant],
                user_id=member.user_id,
                device_id=(
                    member.device.device_id if goes_out and member.device is not None else None
                ),
                channel=campaign.channel,
                due_at=due_at,
                # A retry must not leave the window either.
                expires_at=(
                    None
                    if grid is None
                    else min(grid.starts_at[taken] + campaign.time_to_live, grid.closes_at[taken])
                ),
                state=SendState.PLANNED if goes_out else SendState.SUPPRESSED,
                reason=reason,
                arm=planned.arm[row],
                urgent=campaign.message_class is MessageClass.URGENT,
            )
        )
    return tuple(sends)


class Decisions(Sequence[Decision]):
    """The decision records of a plan, each made when it is asked for: all at once are large."""

    def __init__(self, planned: Planned) -> None:
        self._planned = planned

    def __len__(self) -> int:
        return len(self._planned.members)

    @overload
    def __getitem__(self, index: int) -> Decision: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Decision, ...]: ...
    def __getitem__(self, index: int | slice) -> Decision | tuple[Decision, ...]:
        if isinstance(index, slice):
            return tuple(self._at(row) for row in range(len(self))[index])
        return self._at(range(len(self))[index])

    def __iter__(self) -> Iterator[Decision]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]

    def _at(self, row: int) -> Decision:
        planned, choices = self._planned, self._planned.choices
        member, forecast, wordings = planned.members[row], planned.forecast, planned.wordings
        slots, taken = planned.slots(row), int(choices.slot[row])
        belief = wordings.belief
        return Decision(
            send_id=planned.send_ids[row],
            slots=slots,
            chosen_at=None if taken < 0 else slots[taken].starts_at,
            propensity=_known(float(choices.propensity[row])),
            policy=choices.policy[row],
            binding_constraint=choices.binding_constraint[row],
            fallback_reason=choices.fallback_reason[row],
            model_version=forecast.model_version,
            log_snapshot=forecast.log_snapshot,
            timezone=member.timezone,
            timezone_source=member.timezone_source,
            served_by=_served_by(choices, row, forecast.served_by),
            gain_probability=_known(float(choices.gain_probability[row])),
            abstention_reason=choices.abstention_reason[row],
            explored=choices.explored[row],
            exploration_bound_by=choices.exploration_bound_by[row],
            variant_propensity=None if taken < 0 else float(wordings.propensity[row]),
            variant_evidence=None if belief is None else belief.evidence,
            variant_confidence=None if belief is None else belief.confidence,
            timezone_confidence=member.timezone_confidence,
            quiet_offsets=member.quiet_offsets or None,
        )


def _served_by(choices: Choices, row: int, served_by: ServedBy) -> ServedBy | None:
    match choices.policy[row]:
        case Policy.NONE | Policy.RANDOM | Policy.EARLIEST:
            return None
        case Policy.FALLBACK:
            return ServedBy.CONFIGURED_TIME
        case Policy.CONFIGURED if choices.abstention_reason[row] is None:
            return ServedBy.CONFIGURED_TIME
        case Policy.POPULATION_HOUR:
            return ServedBy.TENANT_HISTOGRAM
        case Policy.USER_HISTOGRAM:
            return ServedBy.USER_HISTOGRAM
        case _:
            return served_by


def _known(number: float) -> float | None:
    """Return a number of a column; None = NaN, nobody knows it."""
    return None if np.isnan(number) else number
