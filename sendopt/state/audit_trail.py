"""What anybody changed: written in the transaction of the change itself, and never changed after.

What principals of a tenant do is the tenant's. What operators do stands beside it under no
tenant's name, and only a transaction of the fleet sees it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sendopt.records import AuditFilter, AuditRecord, Origin
from sendopt.state.engine import EVERY_TENANT
from sendopt.state.instant import Instant
from sendopt.state.pages import Page, read_page
from sendopt.state.tables_access import audit_record
from sendopt.state.transaction import FleetRead, FleetWrite, TenantRead, TenantWrite, Transaction


class AuditKey(NamedTuple):
    """The place of a record in the list."""

    at: datetime
    audit_id: str


def add(tx: TenantWrite, record: AuditRecord) -> None:
    """Keep what a principal of the tenant does in this transaction."""
    _insert(tx, tx.tenant_id, record)


def add_of_operator(tx: FleetWrite, record: AuditRecord) -> None:
    """Keep what an operator does in this transaction."""
    _insert(tx, EVERY_TENANT, record)


def page(
    tx: TenantRead, chosen: AuditFilter, *, behind: AuditKey | None, limit: int
) -> Page[AuditRecord]:
    """Return up to `limit` records of the tenant behind a place; None = from the newest on."""
    return _page(tx, tx.owns(audit_record), chosen, behind, limit)


def page_of_operators(
    tx: FleetRead, chosen: AuditFilter, *, behind: AuditKey | None, limit: int
) -> Page[AuditRecord]:
    """Return up to `limit` records of what operators did, as `page`."""
    return _page(tx, audit_record.c.tenant_id == EVERY_TENANT, chosen, behind, limit)


def _insert(tx: Transaction, whose: str, record: AuditRecord) -> None:
    tx.execute(
        sa.insert(audit_record).values(
            tenant_id=whose,
            audit_id=record.audit_id,
            at=record.at,
            actor=record.actor,
            role=record.role,
            place=record.origin.place,
            request_id=record.origin.request_id,
            action=record.action,
            target=record.target,
            before=None if record.before is None else dict(record.before),
            after=None if record.after is None else dict(record.after),
        )
    )


def _page(
    tx: Transaction,
    whose: sa.ColumnElement[bool],
    chosen: AuditFilter,
    behind: AuditKey | None,
    limit: int,
) -> Page[AuditRecord]:
    columns = audit_record.c
    conditions = [whose]
    for column, value in (
        (columns.actor, chosen.actor),
        (columns.action, chosen.action),
        (columns.target, chosen.target),
    ):
        if value is not None:
            conditions.append(column == value)
    if chosen.since is not None:
        conditions.append(columns.at >= sa.literal(chosen.since, Instant))
    if chosen.until is not None:
        conditions.append(columns.at < sa.literal(chosen.until, Instant))
    if behind is not None:
        at = sa.literal(behind.at, Instant)
        conditions.append(
            sa.or_(columns.at < at, sa.and_(columns.at == at, columns.audit_id > behind.audit_id))
        )
    shown = [column for column in columns if column.name not in {"tenant_id", "row_hash"}]
    return read_page(
        tx,
        sa.select(*shown).where(*conditions).order_by(columns.at.desc(), columns.audit_id),
        _record,
        place=(columns.at, columns.audit_id),
        named_by=columns.audit_id,
        limit=limit,
    )


def _record(row: sa.Row[Any]) -> AuditRecord:
    return AuditRecord(
        audit_id=row.audit_id,
        at=row.at,
        actor=row.actor,
        role=row.role,
        origin=Origin(row.place, row.request_id),
        action=row.action,
        target=row.target,
        before=row.before,
        after=row.after,
    )
