"""Keep what must be true: tenants, keys, users, devices, campaigns, sends, clicks, charges.

Owns: the tables, the transactions, uniqueness, the outbox of events that feeds the log.
Does not own: any decision; the stages decide and write here through one module a noun.
In: records.  Out: records.
The only home of SQLAlchemy. Every function takes a transaction, of one tenant or of the fleet.
"""

# Who knows any table knows all of them.
from sendopt.state import (  # noqa: F401
    tables_access,
    tables_campaigns,
    tables_erasure,
    tables_limits,
    tables_moves,
    tables_people,
    tables_requests,
    tables_series,
)
from sendopt.state.engine import State
from sendopt.state.migrate import check_version, migrate, schema_version
from sendopt.state.transaction import FleetRead, FleetWrite, TenantRead, TenantWrite, Transaction

__all__ = [
    "FleetRead",
    "FleetWrite",
    "State",
    "TenantRead",
    "TenantWrite",
    "Transaction",
    "check_version",
    "migrate",
    "schema_version",
]
