"""What one click or response costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sendopt.money import Price
from sendopt.records import ChargeKind, RateCard


def card_at(cards: Sequence[RateCard], instant: datetime) -> RateCard | None:
    """Return the card in force at `instant`; `cards` in the order in which they take effect."""
    return next((card for card in reversed(cards) if card.effective_at <= instant), None)


def price_of(card: RateCard, kind: ChargeKind) -> Price:
    """Return what one click or response costs."""
    minor = {
        ChargeKind.CLICK: card.click_price_minor,
        ChargeKind.RESPONSE: card.response_price_minor,
    }
    return Price(minor[kind], card.currency)
