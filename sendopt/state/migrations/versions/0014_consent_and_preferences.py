"""Keep every statement of users on being sent to, and what they want of messages."""

from collections.abc import Iterator
from itertools import islice

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_security import keep_apart
from sendopt.state.row_hash import digest

revision = "0014"
down_revision = "0013"

_ROWS_AT_ONCE = 10_000
#: Where a statement of before was made nobody knows any more.
_SOURCE = "unknown"


def upgrade() -> None:
    """Add the tables, and as history the latest statement of each kind that is known."""
    op.create_table(
        "consent",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("message_type", sa.Text(), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", "said_at", "given", "source"),
    )
    op.create_table(
        "preference",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("quiet_start", sa.Text(), nullable=True),
        sa.Column("quiet_end", sa.Text(), nullable=True),
        sa.Column("snoozed_until", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "user_id"),
    )
    keep_apart("consent", "preference")
    statements = _statements()
    while some := list(islice(statements, _ROWS_AT_ONCE)):
        op.bulk_insert(_CONSENT, some)


_CONSENT = sa.table(
    "consent",
    sa.column("tenant_id", sa.Text()),
    sa.column("user_id", sa.Text()),
    sa.column("said_at", sa.BigInteger()),
    sa.column("given", sa.Boolean()),
    sa.column("source", sa.Text()),
    sa.column("received_at", sa.BigInteger()),
    sa.column("row_hash", sa.LargeBinary(16)),
)


def _statements() -> Iterator[dict[str, object]]:
    """Yield what is known of before; it is taken for received when it was said, unless we know."""
    said = sa.text(
        "select tenant_id, user_id, last_opt_out_at, opt_out_known_at, last_opt_in_at "
        "from app_user where last_opt_out_at is not null or last_opt_in_at is not null"
    )
    for row in op.get_bind().execute(said).all():
        kinds = (
            (False, row.last_opt_out_at, row.opt_out_known_at),
            (True, row.last_opt_in_at, None),
        )
        for given, said_at, known_at in kinds:
            if said_at is None:
                continue
            values = {
                "given": given,
                "received_at": known_at or said_at,
                "said_at": said_at,
                "source": _SOURCE,
                "tenant_id": row.tenant_id,
                "user_id": row.user_id,
            }
            yield {**values, "row_hash": digest(values)}
