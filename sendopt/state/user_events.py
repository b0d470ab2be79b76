"""Events of the outbox by whom they are about, and by their ids."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from sendopt.records import Event, UserId
from sendopt.state.chunks import chunks
from sendopt.state.outbox import event_of
from sendopt.state.row_hash import hashed_columns
from sendopt.state.tables import event_outbox
from sendopt.state.transaction import TenantRead


def of_users(tx: TenantRead, user_ids: Collection[str]) -> Iterator[sa.Row[Any]]:
    """Yield what is stored of these users' events, also of those that the log does without.

    Reads every event of the tenant. What is no JSON any more is nobody's. Places are left out.
    """
    user_id = event_outbox.c.event["user_id"].as_string()
    if tx.is_sqlite:
        user_id = sa.case((sa.func.json_valid(event_outbox.c.event) == 1, user_id))
    for some in chunks(sorted(user_ids)):
        yield from tx.execute(
            sa.select(*hashed_columns(event_outbox))
            .where(tx.owns(event_outbox), user_id.in_(some))
            .order_by(event_outbox.c.sequence)
        ).all()


def waiting(tx: TenantRead, user_id: UserId, *, behind: int) -> Iterator[Event]:
    """Yield the user's events that the log, which has copied up to a position, will have.

    Reads what waits of the tenant: what came within the last seconds.
    """
    user = event_outbox.c.event["user_id"].as_string()
    rows = tx.scalars(
        sa.select(event_outbox.c.event)
        .where(
            sa.or_(event_outbox.c.position.is_(None), event_outbox.c.position > behind),
            tx.owns(event_outbox),
            user == user_id,
            event_outbox.c.refused_reason.is_(None),
        )
        .order_by(event_outbox.c.sequence)
    )
    yield from map(event_of, rows)


def stored(tx: TenantRead, event_ids: Sequence[str]) -> Iterator[Event]:
    """Yield those events of these ids that are there and that the log has or will have."""
    for some in chunks(event_ids):
        rows = tx.scalars(
            sa.select(event_outbox.c.event).where(
                tx.owns(event_outbox),
                event_outbox.c.event_id.in_(some),
                event_outbox.c.refused_reason.is_(None),
            )
        )
        yield from map(event_of, rows)
