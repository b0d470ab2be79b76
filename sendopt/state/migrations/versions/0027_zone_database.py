"""Note by which release of the time zone database the clocks of a decision were read.

And, of a send that was asked for by itself, with which chance it was not kept back.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add what older rows do not know."""
    for table in ("decision_basis", "decision"):
        op.add_column(table, sa.Column("zone_database", sa.Text(), nullable=True))
    op.add_column("decision", sa.Column("send_propensity", sa.Float(), nullable=True))
