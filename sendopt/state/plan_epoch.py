"""Tells whether other campaigns were planned while one was: both would count the same room.

Each tenant has a number of plans. Whoever plans under limits over all campaigns reads it before it
looks at what stands, and asks for the same number once more as it writes.
"""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.errors import Conflict
from sendopt.state import tenant_lock
from sendopt.state.tables import tenant
from sendopt.state.transaction import TenantRead, TenantWrite


def number(tx: TenantRead) -> int:
    """Return how many plans of the tenant were written so far."""
    return tx.scalar(sa.select(tenant.c.plan_epoch).where(tx.owns(tenant))) or 0


def begin(tx: TenantWrite, *, expected: int | None) -> None:
    """Let no other plan under limits be written until `tx` ends.

    Args:
        tx: of the tenant.
        expected: as the number was when the plan was made; None = nothing of others was looked at,
            and none has to wait.

    Raises:
        Conflict: `planned_meanwhile`.
    """
    if expected is None:
        return
    tenant_lock.hold_alone(tx, "plans under limits")
    if number(tx) != expected:
        raise Conflict(
            "another campaign of the tenant was planned at the same time",
            code="planned_meanwhile",
            hint="plan again: what was planned meanwhile counts against the limits now",
        )


def end(tx: TenantWrite, *, expected: int | None) -> None:
    """Count one more plan; the last that `tx` does: a row that others need is locked from then on.

    Args:
        tx: has begun it.
        expected: as it was begun with.
    """
    if expected is not None:
        tx.execute(
            sa.update(tenant).where(tx.owns(tenant)).values(plan_epoch=tenant.c.plan_epoch + 1)
        )
