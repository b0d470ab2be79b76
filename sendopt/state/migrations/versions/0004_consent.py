"""Let an opt-in end an opt-out: keep when a user said what, and since when we have known."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns. So far an opt-out was dated by when we learned of it."""
    for name in ("opt_out_known_at", "last_opt_out_at", "last_opt_in_at"):
        op.add_column("app_user", sa.Column(name, sa.BigInteger(), nullable=True))
    op.execute(
        "update app_user set opt_out_known_at = opted_out_at, last_opt_out_at = opted_out_at"
    )
