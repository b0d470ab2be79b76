"""How much a state holds: what a backup writes down, and a restored home is compared with."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.records import TenantId
from sendopt.state.transaction import FleetRead, Transaction


def row_counts(tx: FleetRead) -> dict[TenantId, dict[str, int]]:
    """Count the rows of every table by tenant, whatever release made the tables."""
    counts: dict[TenantId, dict[str, int]] = {}
    tables = sa.inspect(tx.connection)
    for name in sorted(tables.get_table_names()):
        if any(column["name"] == "tenant_id" for column in tables.get_columns(name)):
            tenant_id = sa.column("tenant_id", sa.Text)
            counted = sa.select(tenant_id, sa.func.count()).select_from(sa.table(name))
            for tenant, rows in tx.execute(counted.group_by(tenant_id)):
                counts.setdefault(TenantId(tenant), {})[name] = rows
    return counts


def wal_position(tx: Transaction) -> str | None:
    """Return up to where PostgreSQL has written its log ("0/16B3748"); None on SQLite."""
    if tx.is_sqlite:
        return None
    return str(tx.scalar(sa.text("select pg_current_wal_lsn()")))
