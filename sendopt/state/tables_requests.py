"""Requests that may be repeated: what each came to, until nobody repeats it any more."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.tables import metadata

keyed_request = sa.Table(  # one request that came with an Idempotency-Key
    "keyed_request",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("request_key", sa.Text, primary_key=True),  # as the client named it
    sa.Column("fingerprint", sa.Text, nullable=False),  # SHA-256 of who asked for what
    sa.Column("claim", sa.Integer, nullable=False),  # grows with every try
    sa.Column("claim_expires_at", Instant, nullable=False),  # then its process is taken for dead
    sa.Column("issued", sa.Text),  # id of what it made that is shown once: no answer is kept then
    sa.Column("status", sa.Integer),  # of the answer; null = nothing was answered for good
    sa.Column("headers", sa.JSON(none_as_null=True)),  # pairs of names and values
    sa.Column("body", sa.LargeBinary),  # compressed by zlib, whose checksum it holds
    sa.Column("expires_at", Instant, nullable=False),  # from then on the key is free again
    sa.Index("keyed_request_by_end", "expires_at"),
)
