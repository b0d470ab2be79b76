"""Let a home have an id of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table; the id is given where this release first opens the state."""
    op.create_table(
        "home",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("copy_of", sa.Text(), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
