"""Campaigns: how far each came, every revision of what it was to send, and why it came out so."""

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

decision_basis = sa.Table(  # what the decisions of many sends of a campaign have in common
    "decision_basis",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("content_hash", sa.Text, nullable=False),  # equal ones are stored once
    sa.Column("slots", sa.JSON, nullable=False),  # an array of [starts_at, excluded_by]
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("binding_constraint", sa.Text),
    sa.Column("fallback_reason", sa.Text),
    sa.Column("model_version", sa.Text),
    sa.Column("log_snapshot", sa.BigInteger),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("timezone_source", sa.Text, nullable=False),
    sa.Column("served_by", sa.Text),
    sa.Column("abstention_reason", sa.Text),
    sa.Column("exploration_bound_by", sa.Text),
    sa.Column("variant_evidence", sa.Text),
    sa.Column("variant_confidence", sa.Float),
    sa.Column("send_propensity", sa.Float),  # P(it is not kept back); null = nobody drew that
    sa.Column("zone_database", sa.Text),  # release by which clocks were read; null = of before
    row_hash(),
    sa.UniqueConstraint("tenant_id", "campaign_id", "content_hash", name="decision_basis_once"),
)

send_request = sa.Table(  # what was asked for one send of a triggered campaign
    "send_request",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("send_id", sa.Text, primary_key=True),
    sa.Column("request", sa.JSON, nullable=False),  # as it was given
    sa.Column("asked_by", sa.Text, nullable=False),
    row_hash(),
)
