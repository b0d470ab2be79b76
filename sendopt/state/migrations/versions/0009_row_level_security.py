"""Let PostgreSQL itself keep the rows of tenants apart."""

from sendopt.state.migrations.row_security import keep_apart

revision = "0009"
down_revision = "0008"

_TABLES = (
    "api_key",
    "app_user",
    "attempt",
    "campaign",
    "charge",
    "click",
    "decision",
    "device",
    "drift_alarm",
    "event_outbox",
    "ledger_entry",
    "link",
    "period",
    "planned_send",
    "rate_card",
    "response",
    "tenant",
    "variant",
)


def upgrade() -> None:
    """Add a policy to each table of tenants, which binds the tables' owner too.

    Whoever names neither a tenant nor all of them ('*') sees no row. SQLite has no such thing.
    """
    keep_apart(*_TABLES)
