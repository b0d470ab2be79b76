"""Keep a tenant's limits over all campaigns, version by version."""

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_security import keep_apart

revision = "0020"
down_revision = "0018"


def upgrade() -> None:
    """Add the table; whoever has said no limits has no row."""
    op.create_table(
        "sending_limits",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "version"),
    )
    keep_apart("sending_limits")
