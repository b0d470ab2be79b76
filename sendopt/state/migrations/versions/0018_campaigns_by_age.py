"""List campaigns by their age, and tell whether they are over, without reading definitions."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("campaign_by_age", "campaign", ["tenant_id", "created_at", "campaign_id"])
    op.create_index(
        "campaign_revision_end",
        "campaign_revision",
        ["tenant_id", "campaign_id", "revision", "latest_at"],
    )
