"""Lets an event id be taken by one door alone: by a request, or by a file that is imported.

A request records in the state, an import commits to the log, and neither store can look into the
other's transaction. Each tenant has a number of imports, odd while one is about to commit:

    import    announce (odd) ─► shut: is an id of it in the outbox? ─► log commits ─► end (even)
    request   number ─► is an id of it in the log? ─► hold open: the same even number? ─► record
                                                                 └─ no: look at the log again

While the gate is shut no request records; while a request holds it open no import commits. An
import that dies in between leaves an odd number: requests look twice until the next copy ends it.
"""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.records import TenantId
from sendopt.state import tenant_lock
from sendopt.state.tables import tenant
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite, owned

_PURPOSE = "sendopt.import_gate"


def number(tx: TenantRead) -> int:
    """Return the tenant's number of imports as of now; odd = one may commit at any moment."""
    return tx.scalar(_NUMBER, tx.bound()) or 0


_NUMBER = sa.select(tenant.c.import_epoch).where(owned(tenant))


def hold_open(tx: TenantRead) -> int:
    """Let no import of the tenant commit until `tx` ends; return the number."""
    tenant_lock.share(tx, _PURPOSE)
    return number(tx)


def announce(tx: TenantWrite) -> None:
    """Let requests that begin from now on look at the log while they hold the gate open."""
    _add(tx, 1 if number(tx) % 2 == 0 else 2)


def shut(tx: TenantRead) -> None:
    """Wait for requests that hold the gate open, and let none record until `tx` ends.

    However long that takes: a server that ended `tx` while the import is paused would open the gate
    before a commit that is still to come.
    """
    if not tx.is_sqlite:
        tx.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    tenant_lock.hold_alone(tx, _PURPOSE)


def end(tx: TenantWrite) -> None:
    """Say that what was announced is over, whatever became of it."""
    if number(tx) % 2:
        _add(tx, 1)


def abandoned(tx: FleetRead) -> list[TenantId]:
    """Return the tenants with an odd number; for the holder of the right to append alone."""
    return [TenantId(each) for each in tx.scalars(_ABANDONED)]


_ABANDONED = sa.select(tenant.c.tenant_id).where(tenant.c.import_epoch % 2 == 1)


def _add(tx: TenantWrite, more: int) -> None:
    tx.execute(
        sa.update(tenant).where(tx.owns(tenant)).values(import_epoch=tenant.c.import_epoch + more)
    )
