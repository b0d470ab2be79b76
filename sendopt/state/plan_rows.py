"""Planned sends as rows, one at a time and a whole plan at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sendopt.records import (
    Arm,
    CampaignId,
    Channel,
    DeviceId,
    EndReason,
    PlanColumns,
    PlannedSend,
    SendId,
    SendState,
    TenantId,
    UserId,
    VariantId,
)
from sendopt.state.decision_rows import word
from sendopt.state.instant import microseconds
from sendopt.state.json_text import json_text
from sendopt.state.row_hash import ROW_HASH, hashes_of
from sendopt.state.tables import planned_send


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
        reason=None if row.reason is None else word(EndReason, row.reason),
        arm=None if row.arm is None else Arm(row.arm),
        send_key=row.send_key,
        urgent=bool(row.urgent),
        ignores_quiet_hours=bool(row.ignores_quiet_hours),
    )


def send_row(planned: PlannedSend, *, revision: int, now: datetime) -> dict[str, Any]:
    """Return the columns of a send that was asked for just now, whose decision has its own row."""
    return {
        **asdict(planned),
        "ready_at": planned.due_at,
        "planned_at": now,
        "revision": revision,
        "urgent": planned.urgent or None,
        "ignores_quiet_hours": planned.ignores_quiet_hours or None,
    }


def columns_of(
    plan: PlanColumns, numbers: Sequence[int], *, revision: int, now: datetime
) -> dict[str, Sequence[Any]]:
    """Return the columns of sends that were planned just now, as they are stored.

    Args:
        plan: the sends.
        numbers: of the plan's bases.
        revision: by which they were planned.
        now: when.
    """
    count = len(plan)
    due_at = _instants(plan.due_at)
    columns: dict[str, Sequence[Any]] = {
        "tenant_id": [plan.tenant_id] * count,
        "send_id": plan.send_id,
        "campaign_id": [plan.campaign_id] * count,
        "variant_id": plan.variant_id,
        "user_id": plan.user_id,
        "device_id": plan.device_id,
        "channel": _words(plan.channel),
        "due_at": due_at,
        "expires_at": _instants(plan.expires_at),
        "ready_at": due_at,
        "state": _words(plan.state),
        "reason": _words(plan.reason),
        "planned_at": [microseconds(now)] * count,
        "arm": _words(plan.arm),
        "revision": [revision] * count,
        "urgent": [urgent or None for urgent in plan.urgent],
        "basis": [numbers[basis] for basis in plan.basis],
        "scores": plan.scores,
        "propensity": plan.propensity,
        "gain_probability": plan.gain_probability,
        "explored": plan.explored,
        "variant_propensity": plan.variant_propensity,
        "timezone_confidence": plan.timezone_confidence,
        "quiet_offsets": [
            None if offsets is None else json_text(list(offsets)) for offsets in plan.quiet_offsets
        ],
    }
    return columns | {ROW_HASH: hashes_of(planned_send, columns)}


def _instants(column: Sequence[datetime | None]) -> list[int | None]:
    """Return instants as they are stored; few are many people's."""
    stored = {at: None if at is None else microseconds(at) for at in set(column)}
    return [stored[at] for at in column]


def _words(column: Sequence[str | None]) -> list[str | None]:
    """Return words as plain texts: a driver takes its time over members of an enumeration."""
    stored = {text: None if text is None else str(text) for text in set(column)}
    return [stored[text] for text in column]
