"""Campaigns as they were given."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash
from sendopt.state.tables import metadata

campaign = sa.Table(  # one campaign as it was given, committed or not
    "campaign",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("definition", sa.JSON, nullable=False),  # as it was given
    sa.Column("definition_hash", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("committed_at", Instant),
    sa.Column("cancelled_at", Instant),  # whole campaign; nothing is planned after it
    # As they were resolved when it was accepted; null = of before, and nobody knows any more.
    sa.Column("rules", sa.JSON(none_as_null=True)),
    row_hash(apart_from=("committed_at", "cancelled_at")),
)

variant = sa.Table(  # one wording of a campaign
    "variant",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("variant_id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    row_hash(),
)
