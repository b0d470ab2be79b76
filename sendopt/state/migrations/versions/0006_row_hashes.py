"""Give every row a hash of its columns that never change after its insert."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from sendopt.state.row_hash import as_stored, digest, text_of

revision = "0006"
down_revision = "0005"

_ROWS_AT_ONCE = 10_000

#: What each hash covers, by name; text where nothing else is said.
_HASHED = {
    "api_key": "created_at:i key_id name secret_hash tenant_id",
    "attempt": "number:i provider send_id started_at:i tenant_id",
    "campaign": "campaign_id created_at:i definition:j definition_hash tenant_id",
    "charge": "kind occurred_at:i period rate_card_version:i send_id tenant_id",
    "click": "click_id filtered_reason link_id occurred_at:i send_id tenant_id user_agent",
    "decision": "abstention_reason binding_constraint chosen_at:i exploration_bound_by explored:b"
    " fallback_reason gain_probability:f log_snapshot:i model_version policy propensity:f"
    " quiet_offsets:j send_id served_by slots:j tenant_id timezone timezone_confidence:f"
    " timezone_source variant_confidence:f variant_evidence variant_propensity:f",
    "device": "address:j address_hash channel device_id platform registered_at:i tenant_id"
    " timezone user_id",
    "event_outbox": "event:j event_id recorded_at:i tenant_id",
    "ledger_entry": "account amount_minor:i currency period posted_at:i posting tenant_id",
    "link": "created_at:i destination link_id send_id tenant_id",
    "period": "closed_at:i period statement statement_sha256 tenant_id",
    "planned_send": "arm campaign_id channel device_id due_at:i expires_at:i planned_at:i send_id"
    " tenant_id user_id variant_id",
    "rate_card": "attribution_window_seconds:i click_price_minor currency effective_at:i"
    " response_price_minor tenant_id version:i",
    "response": "filtered_reason kind occurred_at:i send_id tenant_id",
    "tenant": "created_at:i tenant_id timezone",
    "variant": "body campaign_id tenant_id title url variant_id",
}
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "": sa.Text(),
    "i": sa.BigInteger(),
    "f": sa.Float(),
    "b": sa.Boolean(),
    "j": sa.JSON(),
}


def upgrade() -> None:
    """Add the columns, and hash what is there: as it is now, whatever it was before."""
    for name, hashed in _HASHED.items():
        op.add_column(name, sa.Column("row_hash", sa.LargeBinary(16), nullable=True))
        kinds = dict(column.partition(":")[::2] for column in hashed.split())
        _fill(name, {column: _TYPES[kind] for column, kind in kinds.items()})


def _fill(name: str, hashed: dict[str, sa.types.TypeEngine[Any]]) -> None:
    tx = op.get_bind()
    # By the place of a row rather than its key, which may be damaged. PostgreSQL puts an updated
    # row further on, so those that have their hash are passed over.
    place, kind, last = ("rowid", "integer", "-1")
    if tx.dialect.name == "postgresql":
        place, kind, last = ("ctid", "tid", "(0,0)")
    table = sa.table(name, *(sa.column(each, of_type) for each, of_type in hashed.items()))
    rows = (
        sa.select(
            sa.literal_column(f"cast({place} as text)"),
            *(as_stored(tx, table.c[each]) for each in hashed),
        )
        .select_from(table)
        .where(sa.text(f"row_hash is null and {place} > cast(:last as {kind})"))
        .order_by(sa.text(place))
        .limit(_ROWS_AT_ONCE)
    )
    update = sa.text(
        f"update {name} set row_hash = :row_hash where {place} = cast(:at as {kind})"  # noqa: S608
    )
    while found := tx.execute(rows, {"last": last}).all():
        tx.execute(update, [{"at": at, "row_hash": _hash(hashed, row)} for at, *row in found])
        last = found[-1][0]


def _hash(hashed: Iterable[str], row: Sequence[object]) -> bytes:
    return digest(dict(zip(hashed, map(text_of, row), strict=True)))
