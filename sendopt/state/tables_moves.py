"""Where sends went that could not go out at the time that they had."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash
from sendopt.state.tables import metadata

send_move = sa.Table(  # one move of a send from a time that had come, when it might not go out
    "send_move",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("send_id", sa.Text, primary_key=True),
    sa.Column("moved_at", Instant, primary_key=True),
    sa.Column("until", Instant, primary_key=True),  # its time since then
    sa.Column("reason", sa.Text, nullable=False),  # what forbids the time that it had
    row_hash(),
)
