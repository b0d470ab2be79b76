"""What a tenant is charged, by which prices, and the months that are closed."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash
from sendopt.state.tables import metadata

rate_card = sa.Table(  # the prices of a tenant from an instant on, until the next one
    "rate_card",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("click_price_minor", sa.Text, nullable=False),  # decimal text: no float touches it
    sa.Column("response_price_minor", sa.Text, nullable=False),
    sa.Column("attribution_window_seconds", sa.BigInteger, nullable=False),
    sa.Column("effective_at", Instant, nullable=False),
    row_hash(),
)

charge = sa.Table(  # one billable click or response that has a price
    "charge",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("send_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),  # at most one of a kind a send, for ever
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("rate_card_version", sa.Integer, nullable=False),
    row_hash(),
    sa.Index("charge_by_period", "tenant_id", "period"),
)

period = sa.Table(  # one closed month with its statement
    "period",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("closed_at", Instant, nullable=False),
    sa.Column("statement", sa.Text, nullable=False),  # canonical JSON, never changed
    sa.Column("statement_sha256", sa.Text, nullable=False),
    row_hash(),
)

ledger_entry = sa.Table(  # one side of a posting
    "ledger_entry",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("posting", sa.Text, primary_key=True),  # "2026-10/click/1": posting twice posts once
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),  # a posting's entries sum to zero
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("period", sa.Text, nullable=False),
    sa.Column("posted_at", Instant, nullable=False),
    row_hash(),
)
