"""What became of sends that were looked at before, as far as what comes next depends on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from sendopt.state.key_sets import is_one_of
from sendopt.state.tables import attempt
from sendopt.state.tables_moves import send_move
from sendopt.state.transaction import FleetRead


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one send."""

    unanswered: bool = False  # an attempt has no end: it may have arrived
    gone_devices: int = 0  # that its attempts went to, and of which the provider said so
    moved: bool = False  # from the time that its plan chose


#: Of a send that nobody has looked at.
UNTRIED = Tried()


def tried(tx: FleetRead, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Tried]:
    """Return what became of these sends, by tenant and send; who is missing was never looked at.

    They are asked for once the sends are locked: nothing can come between.
    """
    if not keys:
        return {}
    gone = sa.case((attempt.c.outcome == "dead_address", attempt.c.device_id))
    rows = tx.execute(
        sa.select(
            attempt.c.tenant_id,
            attempt.c.send_id,
            sa.func.count().filter(attempt.c.finished_at.is_(None)).label("open"),
            sa.func.count(gone.distinct()).label("gone"),
        )
        .where(is_one_of((attempt.c.tenant_id, attempt.c.send_id), keys))
        .group_by(attempt.c.tenant_id, attempt.c.send_id)
    )
    attempts = {(row.tenant_id, row.send_id): row for row in rows}
    moves = tx.execute(
        sa.select(send_move.c.tenant_id, send_move.c.send_id)
        .where(is_one_of((send_move.c.tenant_id, send_move.c.send_id), keys))
        .distinct()
    )
    moved = {(row.tenant_id, row.send_id) for row in moves}
    return {
        key: Tried(
            unanswered=key in attempts and attempts[key].open > 0,
            gone_devices=attempts[key].gone if key in attempts else 0,
            moved=key in moved,
        )
        for key in moved | attempts.keys()
    }
