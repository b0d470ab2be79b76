"""Keep what anybody changed, unchangeable itself, and the keys of operators."""

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_security import BY_EVERYBODY, keep_apart

revision = "0015"
down_revision = "0014"

_SQLITE = """
CREATE TRIGGER audit_record_no_{verb} BEFORE {verb} ON audit_record
BEGIN SELECT RAISE(ABORT, 'records of the audit are never changed'); END
"""
# INSERT OR REPLACE fires no trigger of the row that it takes the place of.
_SQLITE_NO_REPLACE = """
CREATE TRIGGER audit_record_no_REPLACE BEFORE INSERT ON audit_record
WHEN EXISTS (
    SELECT 1 FROM audit_record WHERE tenant_id = NEW.tenant_id AND audit_id = NEW.audit_id
)
BEGIN SELECT RAISE(ABORT, 'records of the audit are never changed'); END
"""
_REFUSE = """
CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'records of the audit are never changed' USING ERRCODE = 'restrict_violation';
END $$
"""
_POSTGRESQL = """
CREATE TRIGGER audit_record_no_{verb} BEFORE {verb} ON audit_record
FOR EACH {each} EXECUTE FUNCTION refuse_change_of_audit()
"""


def upgrade() -> None:
    """Add both tables; who names a tenant sees no key of operators, and no doing of theirs."""
    op.create_table(
        "operator_key",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "audit_record",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("audit_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("row_hash", sa.LargeBinary(16), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "audit_id"),
    )
    op.create_index("audit_record_by_time", "audit_record", ["tenant_id", "at", "audit_id"])
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(verb=verb))
        op.execute(_SQLITE_NO_REPLACE)
        return
    op.execute(_REFUSE)
    for verb, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
        op.execute(_POSTGRESQL.format(verb=verb, each=each))
    keep_apart("operator_key", seen=BY_EVERYBODY)
    keep_apart("audit_record")
