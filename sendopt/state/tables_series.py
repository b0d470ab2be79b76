"""Series: campaigns that come again, every revision of what each is to send, and its dates."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash
from sendopt.state.tables import metadata

series = sa.Table(  # one campaign that comes again; what it sends stands in its revisions
    "series",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("series_id", sa.Text, primary_key=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, server_default="1"),  # the one that holds
    sa.Column("paused_at", Instant),  # null = nobody has paused it, or it was resumed
    sa.Column("cancelled_at", Instant),  # for good
    sa.Column("next_date", sa.Text),  # the next that becomes a campaign, ISO 8601; null = none
    sa.Column("next_commit_at", Instant),  # when that comes due
    row_hash(apart_from=("revision", "paused_at", "cancelled_at", "next_date", "next_commit_at")),
    sa.Index("series_by_age", "tenant_id", "created_at", "series_id"),
    sa.Index("series_by_commit", "next_commit_at"),
)

series_revision = sa.Table(  # what a series was to send, to whom, how and when, until the next one
    "series_revision",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("series_id", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),  # from 1 on, without a gap
    sa.Column("definition", sa.JSON, nullable=False),  # as it was given
    sa.Column("definition_hash", sa.Text, nullable=False),
    sa.Column("accepted_at", Instant, nullable=False),
    row_hash(),
)

series_date = sa.Table(  # one date of a series that has come due
    "series_date",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("series_id", sa.Text, primary_key=True),
    sa.Column("local_date", sa.Text, primary_key=True),  # on users' calendars, ISO 8601
    sa.Column("campaign_id", sa.Text, nullable=False),
    sa.Column("commit_at", Instant, nullable=False),  # when it came due
    sa.Column("ends_at", Instant, nullable=False),  # its window is over everywhere
    sa.Column("state", sa.Text, nullable=False),  # a DateState
    sa.Column("revision", sa.Integer),  # of the series, by which its campaign stands; null = none
    sa.Column("try_at", Instant),  # is tried then, unless it is settled; null = it is
    sa.Column("try_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("settled_at", Instant),
    sa.Column("code", sa.Text),  # why it is not committed; of the last try
    sa.Column("message", sa.Text),  # the same for people
    row_hash(
        apart_from=(
            *("ends_at", "state", "revision", "try_at", "try_count", "settled_at", "code"),
            "message",
        )
    ),
    sa.Index("series_date_by_try", "try_at"),
)
