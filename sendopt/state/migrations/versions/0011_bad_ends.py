"""Find the sends that ended badly without reading those that went well."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_BAD = "state in ('failed', 'expired', 'cancelled', 'suppressed')"


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "planned_send_ended_badly",
        "planned_send",
        ["tenant_id", "state", "campaign_id", "user_id"],
        sqlite_where=sa.text(_BAD),
        postgresql_where=sa.text(_BAD),
    )
