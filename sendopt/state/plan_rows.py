"""Planned sends and their decision records as rows.

The slots of a decision are one JSON array, `[starts_at, open_probability, excluded_by]` each: they
are read and written as a whole, a million sends have 25 million of them, and nobody joins on them.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from sendopt.records import (
    CampaignId,
    Channel,
    Decision,
    DeviceId,
    PlannedSend,
    SendId,
    SendState,
    Slot,
    TenantId,
    UserId,
    VariantId,
)


def send_row(planned: PlannedSend, now: datetime) -> dict[str, Any]:
    """Return the columns of a send that was planned just now."""
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
        reason=row.reason,
    )


def decision_row(tenant_id: TenantId, reason: Decision) -> dict[str, Any]:
    """Return the columns of `reason`."""
    return {
        "tenant_id": tenant_id,
        "send_id": reason.send_id,
        "slots": [
            [_text(slot.starts_at), slot.open_probability, slot.excluded_by]
            for slot in reason.slots
        ],
        "chosen_at": reason.chosen_at,
        "propensity": reason.propensity,
        "policy": reason.policy,
        "binding_constraint": reason.binding_constraint,
        "fallback_reason": reason.fallback_reason,
        "model_version": reason.model_version,
        "log_snapshot": reason.log_snapshot,
        "timezone": reason.timezone,
        "timezone_source": reason.timezone_source,
    }


def decision(row: Any) -> Decision:
    """Return the record that the columns in `row` hold."""
    return Decision(
        send_id=SendId(row.send_id),
        slots=tuple(
            Slot(datetime.fromisoformat(starts_at), probability, excluded_by)
            for starts_at, probability, excluded_by in row.slots
        ),
        chosen_at=row.chosen_at,
        propensity=row.propensity,
        policy=row.policy,
        binding_constraint=row.binding_constraint,
        fallback_reason=row.fallback_reason,
        model_version=row.model_version,
        log_snapshot=row.log_snapshot,
        timezone=row.timezone,
        timezone_source=row.timezone_source,
    )


@lru_cache(maxsize=4096)  # everybody in a zone shares the instants of a grid
def _text(starts_at: datetime) -> str:
    return starts_at.isoformat()
