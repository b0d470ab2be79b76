"""Count each tenant's imports of files, so that requests notice one that goes on beside them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; nothing is being imported while tables are upgraded."""
    op.add_column(
        "tenant", sa.Column("import_epoch", sa.BigInteger(), nullable=False, server_default="0")
    )
