"""Count a tenant's plans: who plans under limits over all campaigns sees that another one came."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Add the number."""
    op.add_column(
        "tenant", sa.Column("plan_epoch", sa.BigInteger(), nullable=False, server_default="0")
    )
