"""Keep campaigns that come again, and how far each of their dates has come."""

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_security import keep_apart

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Add the series, their revisions and their dates, which PostgreSQL keeps apart by tenant."""
    op.create_table(
        "series",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("paused_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.Column("next_date", sa.Text(), nullable=True),
        sa.Column("next_commit_at", sa.BigInteger(), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "series_id"),
    )
    op.create_index("series_by_age", "series", ["tenant_id", "created_at", "series_id"])
    op.create_index("series_by_commit", "series", ["next_commit_at"])
    op.create_table(
        "series_revision",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("definition_hash", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "series_id", "revision"),
    )
    op.create_table(
        "series_date",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("local_date", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("commit_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("try_at", sa.BigInteger(), nullable=True),
        sa.Column("try_count", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "series_id", "local_date"),
    )
    op.create_index("series_date_by_try", "series_date", ["try_at"])
    keep_apart("series", "series_revision", "series_date")
