"""Let a campaign keep the rules under which it was accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column; of a campaign of before nobody knows them any more."""
    op.add_column("campaign", sa.Column("rules", sa.JSON(none_as_null=True), nullable=True))
