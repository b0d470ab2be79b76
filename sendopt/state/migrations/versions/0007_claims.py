"""Find the claims of dispatchers without reading what is held."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the index; only claims stand in it, of which there are few."""
    op.create_index(
        "planned_send_claims",
        "planned_send",
        ["state", "ready_at"],
        sqlite_where=sa.text("state = 'claimed' and claimed_by is not 'held'"),
        postgresql_where=sa.text("state = 'claimed' and claimed_by is distinct from 'held'"),
    )
