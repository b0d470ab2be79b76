"""Who may do what over tenants, and what anybody did."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash
from sendopt.state.tables import metadata

operator_key = sa.Table(  # one key of whoever runs the service; it is no tenant's
    "operator_key",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),  # the public half, part of the key itself
    sa.Column("secret_hash", sa.Text, nullable=False),  # SHA-256 of the 256-bit random half
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),  # null = never
    sa.Column("revoked_at", Instant),
    row_hash(apart_from=("revoked_at",)),
)

audit_record = sa.Table(  # one change that somebody made; triggers keep it as it was written
    "audit_record",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),  # "*" = over tenants, by an operator
    sa.Column("audit_id", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),  # a client's address, or USER@HOST
    sa.Column("request_id", sa.Text),  # null = of a command
    sa.Column("action", sa.Text, nullable=False),  # RESOURCE:VERB
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("before", sa.JSON(none_as_null=True)),
    sa.Column("after", sa.JSON(none_as_null=True)),
    row_hash(),
    sa.Index("audit_record_by_time", "tenant_id", "at", "audit_id"),
)
