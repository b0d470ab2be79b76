"""Transactions by whose rows they are about, and whether they may write.

    FleetRead   <- FleetWrite     the rows of every tenant: for the service's own rounds
    TenantRead  <- TenantWrite    the rows of one tenant: for whatever is answered to it

A function that is about one tenant takes one of the lower two, and the tenant from it: nobody can
forget it, or pass another one than the transaction was opened for. A function across tenants takes
one of the upper two, and is out of reach for whoever was given a tenant's.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sendopt.records import TenantId

#: The tenant in a statement that is built once for all, to be given when it is executed.
OF_TENANT = "of_tenant"


class Transaction:
    """What every kind can do: ask the database, within one consistent snapshot or all or nothing.

    Stages pass it on and never look inside.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.scalar = connection.scalar
        self.scalars = connection.scalars
        self.begin_nested = connection.begin_nested

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite; else it is PostgreSQL."""
        return self.connection.dialect.name == "sqlite"


class TenantRead(Transaction):
    """Reads the rows of one tenant."""

    def __init__(self, connection: Connection, tenant_id: TenantId) -> None:
        super().__init__(connection)
        self.tenant_id = tenant_id

    def owns(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return the condition that a row of `table` is one of this tenant's."""
        return table.c.tenant_id == self.tenant_id

    def bound(self) -> dict[str, str]:
        """Return what `owned` asks for when a statement that was built with it is executed."""
        return {OF_TENANT: self.tenant_id}


class TenantWrite(TenantRead):
    """Reads and writes the rows of one tenant."""


def owned(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the same condition as `owns`, for statements that are built once for all tenants."""
    return table.c.tenant_id == sa.bindparam(OF_TENANT)


class FleetRead(Transaction):
    """Reads the rows of every tenant."""

    def of(self, tenant_id: TenantId) -> TenantRead:
        """Return this transaction as one about the rows of `tenant_id` alone."""
        return TenantRead(self.connection, tenant_id)


class FleetWrite(FleetRead):
    """Reads and writes the rows of every tenant."""

    def of(self, tenant_id: TenantId) -> TenantWrite:
        """Return this transaction as one about the rows of `tenant_id` alone."""
        return TenantWrite(self.connection, tenant_id)
