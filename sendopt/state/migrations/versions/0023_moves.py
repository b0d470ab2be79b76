"""Keep to which times sends were moved when their own had come, and why."""

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_security import keep_apart

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the table; what was moved before is not known any more."""
    op.create_table(
        "send_move",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("send_id", sa.Text(), nullable=False),
        sa.Column("moved_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "send_id", "moved_at", "until"),
    )
    keep_apart("send_move")
