"""Note with which chance a message was not kept back to measure what sending does."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add what older rows do not know."""
    op.add_column("decision_basis", sa.Column("send_propensity", sa.Float(), nullable=True))
