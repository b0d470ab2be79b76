"""What users have said: whether anything may be sent to them, and what they want of it when."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash
from sendopt.state.tables import metadata

consent = sa.Table(  # one statement of a user on being sent to at all; never changed
    "consent",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("said_at", Instant, primary_key=True),  # by the user's clock
    sa.Column("given", sa.Boolean, primary_key=True),  # false = an opt-out
    sa.Column("source", sa.Text, primary_key=True),  # where the user said so
    sa.Column("received_at", Instant, nullable=False),  # since when we have known
    sa.Column("channel", sa.Text),  # on what occasion: the channel, and the type of the message
    sa.Column("message_type", sa.Text),
    row_hash(),
)

preference = sa.Table(  # what one user wants of messages, and when; the last word alone
    "preference",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("topics", sa.JSON, nullable=False),  # by message type: true = wanted, false = not
    sa.Column("quiet_start", sa.Text),  # local times such as 22:00, both or none
    sa.Column("quiet_end", sa.Text),
    sa.Column("snoozed_until", Instant),  # nothing is sent before it
    sa.Column("updated_at", Instant, nullable=False),
    row_hash(),  # made anew with every change
)
