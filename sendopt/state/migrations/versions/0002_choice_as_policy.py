"""Keep the arm of a send, and what a policy decided beside its time."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them, all nullable: what was decided before this release does not know them."""
    op.add_column("planned_send", sa.Column("arm", sa.Text(), nullable=True))
    for column in (
        sa.Column("served_by", sa.Text(), nullable=True),
        sa.Column("gain_probability", sa.Float(), nullable=True),
        sa.Column("abstention_reason", sa.Text(), nullable=True),
        sa.Column("explored", sa.Boolean(), nullable=True),
        sa.Column("exploration_bound_by", sa.Text(), nullable=True),
        sa.Column("variant_propensity", sa.Float(), nullable=True),
        sa.Column("variant_evidence", sa.Text(), nullable=True),
        sa.Column("variant_confidence", sa.Float(), nullable=True),
        sa.Column("timezone_confidence", sa.Float(), nullable=True),
        sa.Column("quiet_offsets", sa.JSON(), nullable=True),
    ):
        op.add_column("decision", column)
    op.create_index(
        "decision_explored",
        "decision",
        ["tenant_id", "send_id"],
        unique=False,
        sqlite_where=sa.text("explored = 1"),
        postgresql_where=sa.text("explored"),
    )
