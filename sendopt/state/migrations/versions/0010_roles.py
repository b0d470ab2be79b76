"""Give keys roles, an end, and a last use; let tenants make roles of their own."""

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_security import keep_apart

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns and the table; a key without a role is of before, and may do everything."""
    op.add_column("api_key", sa.Column("role", sa.Text(), nullable=True))
    op.add_column("api_key", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("api_key", sa.Column("last_used_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "role",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "name"),
    )
    keep_apart("role")
