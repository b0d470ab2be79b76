"""What is charged."""

from __future__ import annotations

from datetime import datetime

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.records import ChargeKind


class Line(Answer):
    """One thing at one price: gross = sum(filtered) + net, amount = net x price, rounded once."""

    kind: ChargeKind
    occurred_in: str
    """Earlier than the statement's period: an adjustment for what came late."""
    rate_card_version: int | None
    unit_price_minor: str | None
    """Decimal text."""
    gross: int
    filtered: dict[str, int]
    """Reason → count."""
    net: int
    amount_minor: int
    note: str | None
    """`no_rate_card`: counted, and never charged."""


class Statement(Answer):
    """One month: what was measured, what was filtered and why, what is charged."""

    model_config = shown_as(
        {
            "tenant_id": "default",
            "period": "2026-10",
            "currency": "EUR",
            "lines": [
                {
                    "kind": "click",
                    "occurred_in": "2026-10",
                    "rate_card_version": 1,
                    "unit_price_minor": "1.25",
                    "gross": 420,
                    "filtered": {"duplicate": 20},
                    "net": 400,
                    "amount_minor": 500,
                    "note": None,
                }
            ],
            "total_minor": 500,
        }
    )

    tenant_id: str
    period: str
    """`2026-10`, a calendar month in UTC."""
    currency: str | None
    """null = there is no rate card, and nothing is charged."""
    lines: list[Line]
    total_minor: int
    """In the currency's smallest unit."""


class ListedStatement(Answer):
    """A month's totals, without its lines."""

    model_config = shown_as(
        {
            "period": "2026-10",
            "closed_at": None,
            "currency": "EUR",
            "gross": 420,
            "net": 400,
            "total_minor": 500,
        }
    )

    period: str
    """`2026-10`, a calendar month in UTC."""
    closed_at: datetime | None
    """null = open: the figures are of up to now."""
    currency: str | None
    """null = there is no rate card, and nothing is charged."""
    gross: int
    """Clicks and responses that were measured."""
    net: int
    """What the rules of counting have left of them."""
    total_minor: int
    """In the currency's smallest unit."""
