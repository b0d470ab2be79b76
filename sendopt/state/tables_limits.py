"""The limits within which a tenant sends, over all its campaigns."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash
from sendopt.state.tables import metadata

sending_limits = sa.Table(  # one version of a tenant's limits, until the next one; never changed
    "sending_limits",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),  # from 1 on, the newest holds
    sa.Column("limits", sa.JSON, nullable=False),  # as in state/sending_limits.py
    sa.Column("since", Instant, nullable=False),
    row_hash(),
)
