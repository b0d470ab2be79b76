"""What became of each call to a provider for a send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.records import DeviceId, SendId
from sendopt.state.tables import attempt
from sendopt.state.transaction import TenantRead


@dataclass(frozen=True, slots=True)
class ListedAttempt:
    """One call to a provider, and what came of it."""

    number: int  # 1 = the first
    provider: str
    device_id: DeviceId | None  # it went to; None = made by a release that did not note it
    started_at: datetime
    finished_at: datetime | None  # None = in flight, or its process died: the outcome is unknown
    outcome: str | None  # "accepted", "retry", "dead_address", "permanent"; None with finished_at
    reason: str | None  # such as "timed_out" or "receiver_failed"


def attempts(tx: TenantRead, send_id: SendId) -> tuple[ListedAttempt, ...]:
    """Return every attempt at a send, the first one first; none where it is unknown."""
    rows = tx.execute(
        sa.select(
            attempt.c.number,
            attempt.c.provider,
            attempt.c.device_id,
            attempt.c.started_at,
            attempt.c.finished_at,
            attempt.c.outcome,
            attempt.c.reason,
        )
        .where(tx.owns(attempt), attempt.c.send_id == send_id)
        .order_by(attempt.c.number)
    )
    return tuple(ListedAttempt(*row) for row in rows)
