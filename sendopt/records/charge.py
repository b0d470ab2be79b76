"""What is counted, and for how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from sendopt.records.ids import SendId


class ChargeKind(StrEnum):
    """What is charged for."""

    CLICK = "click"
    RESPONSE = "response"


#: How long after its hand-over a send's answers count, where no rate card says otherwise.
DEFAULT_ATTRIBUTION_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RateCard:
    """What is counted, and for how much, from `effective_at` on."""

    version: int
    currency: str
    click_price_minor: Decimal
    response_price_minor: Decimal
    attribution_window: timedelta
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Charge:
    """One billable click or response. (tenant, send, kind) is unique for ever."""

    send_id: SendId
    kind: ChargeKind
    occurred_at: datetime
    period: str  # "2026-10", by occurred_at in UTC
    rate_card_version: int
