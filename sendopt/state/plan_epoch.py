"""Tells whether other campaigns were planned while one was: both would count the same room.

Each tenant has a number of plans. Whoever plans under limits over all campaigns reads it before it
looks at what stands, and asks for the same number once more as it writes.
"""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.errors import Conflict
from sendopt.state import tenants
from sendopt.state.tables import tenant
from sendopt.state.transaction import TenantRead, TenantWrite


def number(tx: TenantRead) -> int:
    """Return how many plans of the tenant were written so far."""
    return tx.scalar(sa.select(tenant.c.plan_epoch).where(tx.owns(tenant))) or 0


def step(tx: TenantWrite, *, expected: int | None) -> None:
    """Count one more plan, and let nobody else count one until `tx` ends.

    Args:
        tx: of the tenant.
        expected: as it was when the plan was made; None = nothing of others was looked at.

    Raises:
        Conflict: `planned_meanwhile`.
        NotFound: `tenant_unknown`.
    """
    tenants.lock(tx)
    if expected is not None and number(tx) != expected:
        raise Conflict(
            "another campaign of the tenant was planned at the same time",
            code="planned_meanwhile",
            hint="plan again: what was planned meanwhile counts against the limits now",
        )
    tx.execute(sa.update(tenant).where(tx.owns(tenant)).values(plan_epoch=tenant.c.plan_epoch + 1))
