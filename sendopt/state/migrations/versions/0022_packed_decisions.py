"""Pack decisions: what many share is stored once, the rest stands beside the send.

What was decided before stays in `decision`, as it is.
"""

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_security import keep_apart

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the table, the columns, and the indexes over them."""
    op.create_table(
        "decision_basis",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("slots", sa.JSON(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("binding_constraint", sa.Text(), nullable=True),
        sa.Column("fallback_reason", sa.Text(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("log_snapshot", sa.BigInteger(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("timezone_source", sa.Text(), nullable=False),
        sa.Column("served_by", sa.Text(), nullable=True),
        sa.Column("abstention_reason", sa.Text(), nullable=True),
        sa.Column("exploration_bound_by", sa.Text(), nullable=True),
        sa.Column("variant_evidence", sa.Text(), nullable=True),
        sa.Column("variant_confidence", sa.Float(), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "number"),
        sa.UniqueConstraint("tenant_id", "campaign_id", "content_hash", name="decision_basis_once"),
    )
    keep_apart("decision_basis")
    for column in (
        sa.Column("basis", sa.Integer(), nullable=True),
        sa.Column("scores", sa.LargeBinary(), nullable=True),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("gain_probability", sa.Float(), nullable=True),
        sa.Column("explored", sa.Boolean(), nullable=True),
        sa.Column("variant_propensity", sa.Float(), nullable=True),
        sa.Column("timezone_confidence", sa.Float(), nullable=True),
        sa.Column("quiet_offsets", sa.JSON(none_as_null=True), nullable=True),
    ):
        op.add_column("planned_send", column)
    op.create_index("planned_send_by_user", "planned_send", ["tenant_id", "user_id", "due_at"])
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    condition = sa.text("explored = 1" if on_sqlite else "explored")
    op.create_index(
        "planned_send_explored",
        "planned_send",
        ["tenant_id", "planned_at"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
