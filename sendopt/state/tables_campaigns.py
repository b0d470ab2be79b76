"""Campaigns: how far each came, and every revision of what it was to send."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash
from sendopt.state.tables import metadata

campaign = sa.Table(  # one campaign, committed or not; what it sends stands in its revisions
    "campaign",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, server_default="1"),  # the one that holds
    sa.Column("committed_at", Instant),  # the first commit
    sa.Column("paused_at", Instant),  # null = nobody has paused it, or it was resumed
    sa.Column("cancelled_at", Instant),  # whole campaign; nothing is planned after it
    row_hash(apart_from=("revision", "committed_at", "paused_at", "cancelled_at")),
    sa.Index("campaign_by_age", "tenant_id", "created_at", "campaign_id"),
)

campaign_revision = sa.Table(  # what a campaign was to send, to whom and how, until the next one
    "campaign_revision",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),  # from 1 on, without a gap
    sa.Column("definition", sa.JSON, nullable=False),  # as it was given
    sa.Column("definition_hash", sa.Text, nullable=False),
    sa.Column("accepted_at", Instant, nullable=False),
    sa.Column("latest_at", Instant),  # nothing goes out from then on; null = it cannot be read
    # As they were resolved when it was accepted; null = of before, and nobody knows any more.
    sa.Column("rules", sa.JSON(none_as_null=True)),
    row_hash(),
    # Whether a campaign is over, without reading its definition.
    sa.Index("campaign_revision_end", "tenant_id", "campaign_id", "revision", "latest_at"),
)

variant = sa.Table(  # one wording of a revision
    "variant",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("variant_id", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("url", sa.Text),
    row_hash(),
)
