"""Planned sends and their decision records as rows.

The slots of a decision are one JSON array, `[starts_at, open_probability, excluded_by, logit_sd]`
each, the last one only where it is known: they are read and written as a whole, a million sends
have 25 million of them, and nobody joins on them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar, cast

from sendopt.records import (
    AbstentionReason,
    Arm,
    CampaignId,
    Channel,
    Decision,
    DeviceId,
    EndReason,
    Exclusion,
    ExplorationBound,
    FallbackReason,
    PlannedSend,
    Policy,
    SendId,
    SendState,
    ServedBy,
    Slot,
    TenantId,
    UserId,
    VariantEvidence,
    VariantId,
    ZoneSource,
)
from sendopt.state.json_text import json_text

_Words = TypeVar("_Words", bound=StrEnum)


def send_row(planned: PlannedSend, *, revision: int, now: datetime) -> dict[str, Any]:
    """Return the columns of a send that was planned just now, by this revision."""
    return {
        "tenant_id": planned.tenant_id,
        "send_id": planned.send_id,
        "campaign_id": planned.campaign_id,
        "variant_id": planned.variant_id,
        "user_id": planned.user_id,
        "device_id": planned.device_id,
        "channel": planned.channel,
        "due_at": planned.due_at,
        "expires_at": planned.expires_at,
        "ready_at": planned.due_at,
        "state": planned.state,
        "reason": planned.reason,
        "planned_at": now,
        "arm": planned.arm,
        "revision": revision,
    }


def send(row: Any) -> PlannedSend:
    """Return the send that the columns in `row` hold."""
    return PlannedSend(
        tenant_id=TenantId(row.tenant_id),
        send_id=SendId(row.send_id),
        campaign_id=CampaignId(row.campaign_id),
        variant_id=VariantId(row.variant_id),
        user_id=UserId(row.user_id),
        device_id=None if row.device_id is None else DeviceId(row.device_id),
        channel=Channel(row.channel),
        due_at=row.due_at,
        expires_at=row.expires_at,
        state=SendState(row.state),
        reason=None if row.reason is None else _word(EndReason, row.reason),
        arm=None if row.arm is None else Arm(row.arm),
    )


def decision_row(tenant_id: TenantId, reason: Decision) -> dict[str, Any]:
    """Return the columns of `reason`."""
    return {
        "tenant_id": tenant_id,
        "send_id": reason.send_id,
        "slots": json_text([_slot_row(slot) for slot in reason.slots]),
        "chosen_at": reason.chosen_at,
        "propensity": reason.propensity,
        "policy": reason.policy,
        "binding_constraint": reason.binding_constraint,
        "fallback_reason": reason.fallback_reason,
        "model_version": reason.model_version,
        "log_snapshot": reason.log_snapshot,
        "timezone": reason.timezone,
        "timezone_source": reason.timezone_source,
        "served_by": reason.served_by,
        "gain_probability": reason.gain_probability,
        "abstention_reason": reason.abstention_reason,
        "explored": reason.explored,
        "exploration_bound_by": reason.exploration_bound_by,
        "variant_propensity": reason.variant_propensity,
        "variant_evidence": reason.variant_evidence,
        "variant_confidence": reason.variant_confidence,
        "timezone_confidence": reason.timezone_confidence,
        "quiet_offsets": reason.quiet_offsets,
    }


def decision(row: Any) -> Decision:
    """Return the record that the columns in `row` hold."""
    return Decision(
        send_id=SendId(row.send_id),
        slots=tuple(_slot(*said) for said in row.slots),
        chosen_at=row.chosen_at,
        propensity=row.propensity,
        policy=_word(Policy, row.policy),
        binding_constraint=None
        if row.binding_constraint is None
        else _word(Exclusion, row.binding_constraint),
        fallback_reason=None
        if row.fallback_reason is None
        else _word(FallbackReason, row.fallback_reason),
        model_version=row.model_version,
        log_snapshot=row.log_snapshot,
        timezone=row.timezone,
        timezone_source=_word(ZoneSource, row.timezone_source),
        served_by=None if row.served_by is None else ServedBy(row.served_by),
        gain_probability=row.gain_probability,
        abstention_reason=None
        if row.abstention_reason is None
        else _word(AbstentionReason, row.abstention_reason),
        explored=row.explored,
        exploration_bound_by=None
        if row.exploration_bound_by is None
        else _word(ExplorationBound, row.exploration_bound_by),
        variant_propensity=row.variant_propensity,
        variant_evidence=None
        if row.variant_evidence is None
        else _word(VariantEvidence, row.variant_evidence),
        variant_confidence=row.variant_confidence,
        timezone_confidence=row.timezone_confidence,
        quiet_offsets=None if row.quiet_offsets is None else tuple(row.quiet_offsets),
    )


def _slot(
    starts_at: str,
    open_probability: float | None,
    excluded_by: str | None,
    logit_sd: float | None = None,
) -> Slot:
    return Slot(
        datetime.fromisoformat(starts_at),
        open_probability,
        None if excluded_by is None else _word(Exclusion, excluded_by),
        logit_sd,
    )


def _word(words: type[_Words], text: str) -> _Words:
    """Return the member that is `text`; a word of another release is shown as it is stored."""
    try:
        return words(text)
    except ValueError:
        return cast("_Words", text)


def _slot_row(slot: Slot) -> list[Any]:
    row = [_text(slot.starts_at), slot.open_probability, slot.excluded_by]
    return row if slot.logit_sd is None else [*row, slot.logit_sd]


@lru_cache(maxsize=4096)  # everybody in a zone shares the instants of a grid
def _text(starts_at: datetime) -> str:
    return starts_at.isoformat()
