"""Whether PostgreSQL itself keeps the rows of tenants apart for whoever is connected."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.transaction import FleetRead

# PostgreSQL: "Superusers and roles with the BYPASSRLS attribute always bypass the row security
# system" (Row Security Policies, version 17).
_BYPASSES = sa.text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")


def is_bypassed(tx: FleetRead) -> bool:
    """Tell whether the role sees every row whatever the policies say; of SQLite never asked."""
    return not tx.is_sqlite and bool(tx.scalar(_BYPASSES))
