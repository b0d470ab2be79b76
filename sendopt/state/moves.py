"""Where sends went that could not go out at the time that they had, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.records import DueSend, Moved, SendId
from sendopt.state.engine import insert
from sendopt.state.tables_moves import send_move
from sendopt.state.transaction import FleetWrite, TenantRead


@dataclass(frozen=True, slots=True)
class ListedMove:
    """One move of a send."""

    moved_at: datetime
    until: datetime  # its time since then
    reason: str  # an `Exclusion`: what forbids the time that it had


def add(tx: FleetWrite, moved: Sequence[tuple[DueSend, Moved]], *, now: datetime) -> None:
    """Note moves; the same one at the same moment is noted once."""
    if moved:
        tx.execute(
            insert(tx, send_move).on_conflict_do_nothing(),
            [
                {
                    "tenant_id": send.tenant_id,
                    "send_id": send.send_id,
                    "moved_at": now,
                    "until": transition.until,
                    "reason": transition.by,
                }
                for send, transition in moved
            ],
        )


def moves(tx: TenantRead, send_id: SendId) -> tuple[ListedMove, ...]:
    """Return every move of a send, the first one first; none where it is unknown."""
    rows = tx.execute(
        sa.select(send_move.c.moved_at, send_move.c.until, send_move.c.reason)
        .where(tx.owns(send_move), send_move.c.send_id == send_id)
        .order_by(send_move.c.moved_at, send_move.c.until)
    )
    return tuple(ListedMove(*row) for row in rows)
