"""Users who were erased: what is left to be done, and how they are recognised."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import row_hash
from sendopt.state.tables import metadata

erasure_key = sa.Table(  # what the ids of a tenant's erased users are hashed with
    "erasure_key",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("secret", sa.Text, nullable=False),  # 256 random bits, in hexadecimal
    row_hash(),
)

erasure = sa.Table(  # the erasure of one user: a job, and then its receipt
    "erasure",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("erasure_id", sa.Text, primary_key=True),
    sa.Column("user_key", sa.Text, nullable=False),  # HMAC-SHA-256 of the id, never the id
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("step", sa.Text, nullable=False),  # that was done last
    sa.Column("counts", sa.JSON, nullable=False),
    # Needed until the user is gone from every store, and then forgotten.
    sa.Column("user_id", sa.Text),
    sa.Column("pseudonym", sa.Text),
    sa.Column("done_at", Instant),
    sa.Column("readmitted_at", Instant),  # since when the user is taken again
    row_hash(
        apart_from=("step", "counts", "user_id", "pseudonym", "done_at", "readmitted_at"),
    ),
    sa.Index(
        "erasure_in_force",
        "tenant_id",
        "user_key",
        unique=True,
        sqlite_where=sa.text("readmitted_at IS NULL"),
        postgresql_where=sa.text("readmitted_at IS NULL"),
    ),
    sa.Index(
        "erasure_under_way",
        "asked_at",
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    ),
)

erased_send = sa.Table(  # what a send of the user is called now; gone with the end of the erasure
    "erased_send",
    metadata,
    sa.Column("tenant_id", sa.Text, primary_key=True),
    sa.Column("send_id", sa.Text, primary_key=True),  # before: who knows the user can derive it
    sa.Column("erasure_id", sa.Text, nullable=False),
    sa.Column("new_send_id", sa.Text, nullable=False),
    row_hash(),
)
