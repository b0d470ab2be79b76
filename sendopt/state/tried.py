"""What became of the attempts at sends, as far as their next one depends on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from sendopt.state.key_sets import is_one_of
from sendopt.state.tables import attempt
from sendopt.state.transaction import FleetRead


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the attempts at one send."""

    unanswered: bool = False  # one of them has no end: it may have arrived
    gone_devices: int = 0  # devices of which the provider said that they are gone


#: Of a send that nobody has tried.
UNTRIED = Tried()


def tried(tx: FleetRead, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Tried]:
    """Return what became of the attempts at these sends, by tenant and send.

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
    return {(row.tenant_id, row.send_id): Tried(row.open > 0, row.gone) for row in rows}
