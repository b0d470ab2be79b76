"""Give every row a hash of its columns that never change after its insert."""

import sqlalchemy as sa
from alembic import op

from sendopt.state.migrations.row_hashes import fill_hashes

revision = "0006"
down_revision = "0005"

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


def upgrade() -> None:
    """Add the columns, and hash what is there: as it is now, whatever it was before."""
    for name, hashed in _HASHED.items():
        op.add_column(name, sa.Column("row_hash", sa.LargeBinary(16), nullable=True))
        fill_hashes(name, hashed)
