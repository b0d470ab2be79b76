"""Note to which device each attempt goes: the one of the plan may be gone by then."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add what older rows do not know."""
    op.add_column("attempt", sa.Column("device_id", sa.Text(), nullable=True))
    op.add_column("planned_send", sa.Column("handed_over_to", sa.Text(), nullable=True))
