"""What a statement counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.charge import ChargeKind
from sendopt.records.ids import SendId


@dataclass(frozen=True, slots=True)
class BillableFact:
    """A measured click, or response of the kind that is sold: charged, unless a rule refused it."""

    kind: ChargeKind
    key: str  # the click's id, or the send's of a response
    send_id: SendId
    occurred_at: datetime
    filtered_reason: str | None  # None = billable
