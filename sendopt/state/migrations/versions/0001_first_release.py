"""Create every table of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them, with the keys that hold the promises of the state."""
    op.create_table(
        "app_user",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("opted_out_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id"),
    )
    op.create_table(
        "attempt",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "send_id", "number"),
    )
    op.create_table(
        "campaign",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("definition_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id"),
    )
    op.create_table(
        "charge",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("rate_card_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "send_id", "kind"),
    )
    op.create_index("charge_by_period", "charge", ["tenant_id", "period"], unique=False)
    op.create_table(
        "click",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("click_id", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("filtered_reason", sa.Text(), nullable=True),
        sa.Column("period", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "click_id"),
    )
    op.create_index(
        "click_counted_once",
        "click",
        ["tenant_id", "send_id"],
        unique=True,
        sqlite_where=sa.text("filtered_reason IS NULL"),
        postgresql_where=sa.text("filtered_reason IS NULL"),
    )
    op.create_index(
        "click_by_period", "click", ["tenant_id", "period", "occurred_at"], unique=False
    )
    op.create_table(
        "decision",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), nullable=False),
        sa.Column("slots", sa.JSON(), nullable=False),
        sa.Column("chosen_at", sa.BigInteger(), nullable=True),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("binding_constraint", sa.Text(), nullable=True),
        sa.Column("fallback_reason", sa.Text(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("log_snapshot", sa.BigInteger(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("timezone_source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "send_id"),
    )
    op.create_table(
        "device",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.JSON(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("dead_at", sa.BigInteger(), nullable=True),
        sa.Column("dead_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "device_id"),
        sa.UniqueConstraint("tenant_id", "channel", "address_hash"),
    )
    op.create_index("device_by_user", "device", ["tenant_id", "user_id"], unique=False)
    op.create_table(
        "event_outbox",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("event", sa.JSON(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("refused_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("position"),
        sa.UniqueConstraint("tenant_id", "event_id", name="event_outbox_once"),
    )
    op.create_index(
        "event_outbox_waiting",
        "event_outbox",
        ["sequence"],
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("posting", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("posted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "posting", "account"),
    )
    op.create_table(
        "link",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("link_id"),
    )
    op.create_index("link_by_send", "link", ["tenant_id", "send_id"], unique=False)
    op.create_table(
        "period",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("statement_sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "period"),
    )
    op.create_table(
        "planned_send",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("variant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("ready_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempt_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claim_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("handed_over_at", sa.BigInteger(), nullable=True),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "send_id"),
        sa.UniqueConstraint("tenant_id", "campaign_id", "user_id", name="planned_send_once"),
    )
    op.create_index("planned_send_ready", "planned_send", ["state", "ready_at"], unique=False)
    op.create_table(
        "rate_card",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("click_price_minor", sa.Text(), nullable=False),
        sa.Column("response_price_minor", sa.Text(), nullable=False),
        sa.Column("attribution_window_seconds", sa.BigInteger(), nullable=False),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "version"),
    )
    op.create_table(
        "response",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("filtered_reason", sa.Text(), nullable=True),
        sa.Column("period", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "send_id", "kind"),
    )
    op.create_index(
        "response_by_period",
        "response",
        ["tenant_id", "kind", "period", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "tenant",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id"),
    )
    op.create_table(
        "variant",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("variant_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "variant_id"),
    )
    op.create_table(
        "api_key",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenant.tenant_id"],
        ),
        sa.PrimaryKeyConstraint("key_id"),
    )
