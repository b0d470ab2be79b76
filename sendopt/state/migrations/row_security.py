"""Lets PostgreSQL keep the rows of tenants apart by itself, also from a query that forgot."""

from __future__ import annotations

from alembic import op

#: Whoever has asked for the rows of every tenant, as the service's own rounds do.
BY_EVERYBODY = "current_setting('sendopt.tenant', true) = '*'"
_BY_TENANT = f"tenant_id = current_setting('sendopt.tenant', true) OR {BY_EVERYBODY}"


def keep_apart(*tables: str, seen: str = _BY_TENANT) -> None:
    """Add a policy to tables, which binds their owner too. SQLite has no such thing.

    Args:
        tables: their names.
        seen: the condition that a row may be seen, and written.
    """
    if op.get_bind().dialect.name != "postgresql":
        return
    for name in tables:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY of_tenant ON {name} USING ({seen})")
