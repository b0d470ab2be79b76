"""Tenants: whose data is whose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.clock import zone_of
from sendopt.errors import InvalidInput, NotFound
from sendopt.records import TenantId
from sendopt.state.engine import insert
from sendopt.state.pages import Page, read_page
from sendopt.state.tables import tenant
from sendopt.state.transaction import FleetRead, FleetWrite, TenantRead, TenantWrite

_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company, and the zone of its users whose own zone is unknown."""

    tenant_id: TenantId
    timezone: str
    created_at: datetime


def create(tx: FleetWrite, tenant_id: TenantId, *, timezone: str, now: datetime) -> bool:
    """Create the tenant; False if it is already there, whose zone then stays as it is.

    Raises:
        InvalidInput: `tenant_invalid`, `zone_invalid`.
    """
    if not _TENANT_ID.fullmatch(tenant_id):
        raise InvalidInput(
            "this is no name for a tenant",
            code="tenant_invalid",
            field="tenant_id",
            expected="1 to 63 of a-z, 0-9, _ and -, beginning with a letter or digit",
        )
    zone_of(timezone)
    created = tx.scalar(
        insert(tx, tenant)
        .values(tenant_id=tenant_id, timezone=timezone, created_at=now)
        .on_conflict_do_nothing(index_elements=["tenant_id"])
        .returning(tenant.c.tenant_id)
    )
    return created is not None


def exists(tx: TenantRead) -> bool:
    """Whether the tenant was created."""
    return tx.scalar(sa.select(tenant.c.tenant_id).where(tx.owns(tenant))) is not None


def get(tx: TenantRead) -> Tenant:
    """Return the tenant.

    Raises:
        NotFound: `tenant_unknown`.
    """
    row = tx.execute(sa.select(tenant).where(tx.owns(tenant))).one_or_none()
    if row is None:
        raise tenant_unknown()
    return _tenant(row)


def lock(tx: TenantWrite) -> None:
    """Let whoever else locks the tenant wait until `tx` ends: to meter, to price, to give out keys.

    SQLite has one writer anyway.

    Raises:
        NotFound: `tenant_unknown`.
    """
    found = sa.select(tenant.c.tenant_id).where(tx.owns(tenant)).with_for_update(key_share=True)
    if tx.execute(found).one_or_none() is None:
        raise tenant_unknown()


def tenant_unknown() -> NotFound:
    """Return the answer to the name of a tenant that nobody created; only an operator gives one."""
    return NotFound(
        "there is no such tenant",
        code="tenant_unknown",
        field="tenant_id",
        hint="create it with `sendopt tenant create NAME`",
    )


def everyone(tx: FleetRead) -> list[TenantId]:
    """Return all tenants by name: for the service's own rounds, never for an answer to one."""
    return [
        TenantId(name) for name in tx.scalars(sa.select(tenant.c.tenant_id).order_by("tenant_id"))
    ]


def page(tx: FleetRead, *, behind: TenantId | None, limit: int) -> Page[Tenant]:
    """Return up to `limit` tenants by name behind one: for an operator, never for a tenant."""
    query = sa.select(tenant).order_by(tenant.c.tenant_id)
    if behind is not None:
        query = query.where(tenant.c.tenant_id > behind)
    return read_page(
        tx, query, _tenant, place=(tenant.c.tenant_id,), named_by=tenant.c.tenant_id, limit=limit
    )


def _tenant(row: sa.Row[Any]) -> Tenant:
    return Tenant(TenantId(row.tenant_id), row.timezone, row.created_at)
