"""Let a campaign be paused, and have revisions: a committed one can be edited and go on."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_hashes import fill_hashes
from sendopt.state.migrations.row_security import keep_apart

revision = "0017"
down_revision = "0016"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNFINISHED = "state in ('planned', 'claimed')"


def upgrade() -> None:
    """Make of each campaign its first revision, by which all of its sends were planned."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    _revisions(on_postgresql=on_postgresql)
    if on_postgresql:
        _key_of_variants_on_postgresql()
    else:
        _key_of_variants_on_sqlite()
    first = sa.text("1")
    op.add_column(
        "planned_send", sa.Column("revision", sa.Integer(), nullable=False, server_default=first)
    )
    op.create_index(
        "planned_send_unfinished",
        "planned_send",
        ["tenant_id", "campaign_id"],
        sqlite_where=sa.text(_UNFINISHED),
        postgresql_where=sa.text(_UNFINISHED),
    )
    for name in ("definition", "definition_hash", "rules"):
        op.drop_column("campaign", name)
    op.add_column(
        "campaign", sa.Column("revision", sa.Integer(), nullable=False, server_default=first)
    )
    op.add_column("campaign", sa.Column("paused_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE campaign SET row_hash = NULL")
    op.execute("UPDATE variant SET row_hash = NULL")
    fill_hashes("campaign", "campaign_id created_at:i tenant_id")
    fill_hashes("variant", "body campaign_id revision:i tenant_id title url variant_id")
    fill_hashes(
        "campaign_revision",
        "accepted_at:i campaign_id definition:j definition_hash latest_at:i revision:i rules:j"
        " tenant_id",
    )


def _revisions(*, on_postgresql: bool) -> None:
    op.create_table(
        "campaign_revision",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("definition_hash", sa.Text(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("latest_at", sa.BigInteger(), nullable=True),
        sa.Column("rules", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "revision"),
    )
    keep_apart("campaign_revision")
    op.execute(
        "INSERT INTO campaign_revision (tenant_id, campaign_id, revision, definition,"
        " definition_hash, accepted_at, rules)"
        " SELECT tenant_id, campaign_id, 1, definition, definition_hash, created_at, rules"
        " FROM campaign"
    )
    place = ("ctid", "tid") if on_postgresql else ("rowid", "integer")
    _fill_latest_at(*place)


def _fill_latest_at(place: str, kind: str) -> None:
    """Write down when each window ends, one by one: a definition may name a huge audience."""
    tx = op.get_bind()
    table, one = "campaign_revision", f"{place} = cast(:at as {kind})"
    as_text = "text" if kind == "tid" else "blob"  # a driver would stumble over damaged text
    read = sa.text(f"SELECT cast(definition as {as_text}) FROM {table} WHERE {one}")  # noqa: S608
    write = sa.text(f"UPDATE {table} SET latest_at = :latest_at WHERE {one}")  # noqa: S608
    places = tx.scalars(sa.text(f"SELECT cast({place} as text) FROM {table}")).all()  # noqa: S608
    for at in places:
        latest_at = _latest_at(tx.scalar(read, {"at": at}))
        if latest_at is not None:
            tx.execute(write, {"at": at, "latest_at": latest_at})


def _latest_at(definition: Any) -> int | None:
    """Return the end of the window in microseconds since 1970; None where nobody can read it."""
    try:
        told = json.loads(definition)["send_window"]["latest_at"]
        return (datetime.fromisoformat(told) - _EPOCH) // timedelta(microseconds=1)
    except (KeyError, TypeError, ValueError):
        return None


def _key_of_variants_on_postgresql() -> None:
    op.add_column(
        "variant", sa.Column("revision", sa.Integer(), nullable=False, server_default=sa.text("1"))
    )
    op.alter_column("variant", "revision", server_default=None)
    op.drop_constraint("variant_pkey", "variant")
    op.create_primary_key(
        "variant_pkey", "variant", ["tenant_id", "campaign_id", "revision", "variant_id"]
    )


def _key_of_variants_on_sqlite() -> None:
    op.rename_table("variant", "variant_before")
    op.create_table(
        "variant",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("variant_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "revision", "variant_id"),
    )
    op.execute(
        "INSERT INTO variant (tenant_id, campaign_id, revision, variant_id, title, body, url)"
        " SELECT tenant_id, campaign_id, 1, variant_id, title, body, url FROM variant_before"
    )
    op.drop_table("variant_before")
