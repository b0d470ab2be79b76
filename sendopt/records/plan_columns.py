"""A plan in columns, and as one send and one decision record at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeVar, overload

from sendopt.errors import InvariantBroken
from sendopt.records.decision import (
    AbstentionReason,
    Decision,
    Exclusion,
    ExplorationBound,
    ServedBy,
    Slot,
    VariantEvidence,
    ZoneSource,
)
from sendopt.records.device import Channel
from sendopt.records.end_reason import EndReason
from sendopt.records.fallback_reason import FallbackReason
from sendopt.records.ids import CampaignId, DeviceId, SendId, TenantId, UserId, VariantId
from sendopt.records.packed_scores import BARS, pack, unpack
from sendopt.records.policy import Policy
from sendopt.records.send import Arm, PlannedSend
from sendopt.records.send_state import SendState

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Basis:
    """What a decision has in common with others; each field means what it does in `Decision`."""

    slots: tuple[Slot, ...]  # none with a probability, or with what bars one user alone
    policy: Policy
    binding_constraint: Exclusion | None
    fallback_reason: FallbackReason | None
    model_version: str | None
    log_snapshot: int | None
    timezone: str
    timezone_source: ZoneSource
    served_by: ServedBy | None
    abstention_reason: AbstentionReason | None
    exploration_bound_by: ExplorationBound | None
    variant_evidence: VariantEvidence | None
    variant_confidence: float | None
    send_propensity: float | None
    zone_database: str | None


#: What of a `Decision` stands in its basis under the same name.
_OF_BASIS = tuple(each.name for each in fields(Basis) if each.name != "slots")


@dataclass(frozen=True, eq=False)
class PlanColumns:
    """The sends of one campaign's plan in columns of one entry a send.

    Attributes:
        tenant_id: whose plan it is.
        campaign_id: of which campaign.
        bases: that decisions rest on.
        basis: which of them.
        scores: of the basis's slots, see `packed_scores`; None = there was nothing to decide.

    All others mean what they mean in `PlannedSend` and `Decision`.
    """

    tenant_id: TenantId
    campaign_id: CampaignId
    bases: Sequence[Basis]
    send_id: Sequence[SendId]
    user_id: Sequence[UserId]
    device_id: Sequence[DeviceId | None]
    variant_id: Sequence[VariantId]
    channel: Sequence[Channel]
    due_at: Sequence[datetime | None]
    expires_at: Sequence[datetime | None]
    state: Sequence[SendState]
    reason: Sequence[EndReason | None]
    arm: Sequence[Arm | None]
    urgent: Sequence[bool]
    basis: Sequence[int]
    scores: Sequence[bytes | None]
    propensity: Sequence[float | None]
    gain_probability: Sequence[float | None]
    explored: Sequence[bool | None]
    variant_propensity: Sequence[float | None]
    timezone_confidence: Sequence[float | None]
    quiet_offsets: Sequence[tuple[int, ...] | None]

    def __len__(self) -> int:
        return len(self.send_id)

    def among(self, rows: Sequence[int]) -> PlanColumns:
        """Return the sends that stand at these places."""
        if len(rows) == len(self):
            return self
        given: dict[str, Any] = {}
        for name in COLUMNS:
            column = getattr(self, name)
            given[name] = [column[row] for row in rows]
        return replace(self, **given)


#: The columns of one entry a send.
COLUMNS = tuple(
    each.name
    for each in fields(PlanColumns)
    if each.name not in {"tenant_id", "campaign_id", "bases"}
)


#: Those that a send has, under the same names.
_OF_SEND = tuple(each.name for each in fields(PlannedSend) if each.name in COLUMNS)


class _Rows(Sequence[Shown]):
    """The sends of a plan, each made when it is asked for: all at once are large."""

    def __init__(self, columns: PlanColumns) -> None:
        self.columns = columns

    @abstractmethod
    def _at(self, row: int) -> Shown:
        """Make one."""

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, index: int) -> Shown: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Shown, ...]: ...
    def __getitem__(self, index: int | slice) -> Shown | tuple[Shown, ...]:
        if isinstance(index, slice):
            return tuple(self._at(row) for row in range(len(self))[index])
        return self._at(range(len(self))[index])

    def __iter__(self) -> Iterator[Shown]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


class PlannedSends(_Rows[PlannedSend]):
    """The columns as sends."""

    def _at(self, row: int) -> PlannedSend:
        told = self.columns
        return PlannedSend(
            told.tenant_id,
            told.send_id[row],
            told.campaign_id,
            told.variant_id[row],
            told.user_id[row],
            told.device_id[row],
            told.channel[row],
            told.due_at[row],
            told.expires_at[row],
            told.state[row],
            told.reason[row],
            told.arm[row],
            urgent=told.urgent[row],
        )


class Decisions(_Rows[Decision]):
    """The columns as decision records."""

    def _at(self, row: int) -> Decision:
        told = self.columns
        return decision_on(
            told.bases[told.basis[row]],
            told.scores[row],
            send_id=told.send_id[row],
            chosen_at=told.due_at[row],
            propensity=told.propensity[row],
            gain_probability=told.gain_probability[row],
            explored=told.explored[row],
            variant_propensity=told.variant_propensity[row],
            timezone_confidence=told.timezone_confidence[row],
            quiet_offsets=told.quiet_offsets[row],
        )


def decision_on(basis: Basis, scores: bytes | None, **own: Any) -> Decision:
    """Return the decision record that rests on `basis`, with what is its own."""
    shared = {name: getattr(basis, name) for name in _OF_BASIS}
    slots = () if scores is None else unpack(basis.slots, scores)
    return Decision(slots=slots, **shared, **own)


def columns_of(
    tenant_id: TenantId,
    campaign_id: CampaignId,
    sends: Sequence[PlannedSend],
    decisions: Sequence[Decision],
) -> PlanColumns:
    """Return sends and their decisions, which stand in the same order, in columns.

    Raises:
        InvariantBroken: `foreign_plan`, if one belongs to something else.
    """
    if isinstance(sends, PlannedSends) and isinstance(decisions, Decisions):
        told = sends.columns
        if told is decisions.columns and (told.tenant_id, told.campaign_id) == (
            tenant_id,
            campaign_id,
        ):
            return told
    rows = list(zip(sends, decisions, strict=True))
    if any(
        (send.tenant_id, send.campaign_id) != (tenant_id, campaign_id)
        or reason.send_id != send.send_id
        or reason.chosen_at != send.due_at
        for send, reason in rows
    ):
        raise InvariantBroken("the plan belongs to something else", code="foreign_plan")
    bases: dict[Basis, int] = {}
    basis = [bases.setdefault(_basis_of(reason), len(bases)) for _, reason in rows]
    scores = [pack(reason.slots) if reason.slots else None for _, reason in rows]
    own = {name: [getattr(send, name) for send, _ in rows] for name in _OF_SEND}
    for name in COLUMNS:
        if name not in {*_OF_SEND, "basis", "scores"}:
            own[name] = [getattr(reason, name) for _, reason in rows]
    return PlanColumns(tenant_id, campaign_id, bases=[*bases], basis=basis, scores=scores, **own)


def _basis_of(reason: Decision) -> Basis:
    slots = tuple(
        Slot(slot.starts_at, None, None if slot.excluded_by in BARS else slot.excluded_by)
        for slot in reason.slots
    )
    return Basis(slots=slots, **{name: getattr(reason, name) for name in _OF_BASIS})
