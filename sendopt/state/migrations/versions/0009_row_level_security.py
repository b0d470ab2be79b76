"""Let PostgreSQL itself keep the rows of tenants apart."""

from alembic import op

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
    if op.get_bind().dialect.name == "sqlite":
        return
    for name in _TABLES:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY of_tenant ON {name} USING ("
            "tenant_id = current_setting('sendopt.tenant', true)"
            " OR current_setting('sendopt.tenant', true) = '*')"
        )
