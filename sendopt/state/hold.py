"""Keeps every unfinished send from going out until somebody has decided about it.

A state that was restored does not know what went out after it was copied, and the one that it was
copied from may still be at work. So its unfinished sends are held: claimed by nobody, until each
expires. No dispatcher takes such a claim for one that a dead dispatcher left. Once its send has
expired it ends as every claim does that nobody told the outcome of: expired, `outcome_unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.records import SendState, TenantId
from sendopt.state.tables import HOLDER, planned_send
from sendopt.state.transaction import FleetRead, FleetWrite

#: What tells a held send from one that is planned, or that a dispatcher has claimed.
IS_HELD = sa.and_(
    planned_send.c.state == SendState.CLAIMED,
    planned_send.c.claimed_by.is_not_distinct_from(HOLDER),
)


@dataclass(frozen=True, slots=True)
class Held:
    """How many sends are held."""

    later: int  # due from now on
    overdue: int  # whose time has come: they may have gone out already

    @property
    def total(self) -> int:
        """All of them."""
        return self.later + self.overdue


def hold(tx: FleetWrite) -> None:
    """Hold every unfinished send of every tenant; whoever is handing one over loses the claim."""
    tx.execute(
        sa.update(planned_send)
        .where(planned_send.c.state.in_([SendState.PLANNED, SendState.CLAIMED]))
        .values(
            state=SendState.CLAIMED,
            claimed_by=HOLDER,
            claim_expires_at=planned_send.c.expires_at,
            ready_at=planned_send.c.expires_at,
            fence=planned_send.c.fence + 1,
        )
    )


def resume(tx: FleetWrite, *, now: datetime, overdue: bool) -> None:
    """Let held sends go out at their times.

    Args:
        tx: the transaction.
        now: when it is.
        overdue: also those whose time has come, unless they have expired. Who got one already
            gets it again, under the same id.
    """
    wanted = planned_send.c.expires_at > now if overdue else planned_send.c.due_at > now
    tx.execute(
        sa.update(planned_send)
        .where(IS_HELD, wanted)
        .values(
            state=SendState.PLANNED,
            claimed_by=None,
            claim_expires_at=None,
            ready_at=planned_send.c.due_at,
        )
    )


def is_anything_held(tx: FleetRead, *, now: datetime) -> bool:
    """Tell whether a send of any tenant is held that has not expired."""
    return bool(tx.scalar(sa.select(sa.exists().where(IS_HELD, planned_send.c.ready_at > now))))


def held_by_tenant(tx: FleetRead, *, now: datetime) -> dict[TenantId, int]:
    """Count what is held, of those tenants that have any; without what has expired."""
    rows = tx.execute(
        sa.select(planned_send.c.tenant_id, sa.func.count())
        .where(IS_HELD, planned_send.c.ready_at > now)
        .group_by(planned_send.c.tenant_id)
    )
    return {TenantId(tenant_id): count for tenant_id, count in rows}


def held(tx: FleetRead, *, now: datetime) -> Held:
    """Count what is held, of all tenants; what has expired is left to the dispatcher."""
    later, overdue = tx.execute(
        sa.select(
            sa.func.count().filter(planned_send.c.due_at > now),
            sa.func.count().filter(planned_send.c.due_at <= now),
        )
        .select_from(planned_send)
        .where(IS_HELD, planned_send.c.expires_at > now)
    ).one()
    return Held(later=later, overdue=overdue)
