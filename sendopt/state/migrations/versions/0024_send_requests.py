"""Let users have several sends of a campaign, each asked for under a key, and some be urgent."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_security import keep_apart

revision = "0024"
down_revision = "0023"

_PARTIAL = {
    "planned_send_claims": (
        ["state", "ready_at"],
        "state = 'claimed' AND claimed_by IS NOT 'held'",
    ),
    "planned_send_unfinished": (["tenant_id", "campaign_id"], "state IN ('planned', 'claimed')"),
    "planned_send_ended_badly": (
        ["tenant_id", "state", "campaign_id", "user_id"],
        "state IN ('failed', 'expired', 'cancelled', 'suppressed')",
    ),
    "planned_send_explored": (["tenant_id", "planned_at"], "explored = 1"),
}


def upgrade() -> None:
    """Add what was asked for each send, and let the key of a send stand beside its user."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:
        op.drop_constraint("planned_send_once", "planned_send")
        for column in _added():
            op.add_column("planned_send", column)
    else:
        _rebuild_on_sqlite()
    once = ["tenant_id", "campaign_id", "user_id", "send_key"]
    op.create_index("planned_send_once", "planned_send", once, unique=True)
    is_urgent = sa.text("urgent IS true" if on_postgresql else "urgent IS 1")
    op.create_index(
        "planned_send_urgent",
        "planned_send",
        ["state", "ready_at"],
        sqlite_where=is_urgent,
        postgresql_where=is_urgent,
    )
    op.create_table(
        "send_request",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "send_id"),
    )
    keep_apart("send_request")


def _added() -> tuple[sa.Column[str], sa.Column[bool], sa.Column[bool]]:
    return (
        sa.Column("send_key", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("urgent", sa.Boolean(), nullable=True),
        sa.Column("ignores_quiet_hours", sa.Boolean(), nullable=True),
    )


def _rebuild_on_sqlite() -> None:
    """Make the table anew: a constraint of SQLite cannot be dropped, and its indexes go with it."""
    before, table = "planned_send_before", "planned_send"
    for name in ("planned_send_ready", *_PARTIAL):
        op.drop_index(name, table)
    op.rename_table(table, before)
    kept: list[sa.Column[Any]] = [
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
        sa.Column("arm", sa.Text(), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("handed_over_to", sa.Text(), nullable=True),
        sa.Column("basis", sa.Integer(), nullable=True),
        sa.Column("scores", sa.LargeBinary(), nullable=True),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("gain_probability", sa.Float(), nullable=True),
        sa.Column("explored", sa.Boolean(), nullable=True),
        sa.Column("variant_propensity", sa.Float(), nullable=True),
        sa.Column("timezone_confidence", sa.Float(), nullable=True),
        sa.Column("quiet_offsets", sa.JSON(none_as_null=True), nullable=True),
    ]
    op.create_table(table, *kept, *_added(), sa.PrimaryKeyConstraint("tenant_id", "send_id"))
    names = ", ".join(column.name for column in kept)
    op.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM {before}")  # noqa: S608
    op.drop_table(before)
    op.create_index("planned_send_ready", table, ["state", "ready_at"])
    for name, (columns, which) in _PARTIAL.items():
        op.create_index(name, table, columns, sqlite_where=sa.text(which))
    op.create_index("planned_send_by_user", table, ["tenant_id", "user_id", "due_at"])
