"""Keep what must be true: tenants, keys, users, devices, campaigns, sends, clicks, charges.

Owns: the tables, the transactions, uniqueness, the outbox of events that feeds the log.
Does not own: any decision; the stages decide and write here through one module a noun.
In: records.  Out: records.
The only home of SQLAlchemy. Every function takes a `Transaction` and a tenant.
"""

from sendopt.state.engine import State, Transaction
from sendopt.state.migrate import check_version, migrate, schema_version

__all__ = ["State", "Transaction", "check_version", "migrate", "schema_version"]
