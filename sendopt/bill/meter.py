"""The meter: place each billable fact in a period, and charge for those that no rule refused."""

from __future__ import annotations

from collections.abc import Container, Sequence

from sendopt.bill.periods import earliest_open, period_of
from sendopt.bill.prices import card_at
from sendopt.records import BillableFact, Charge, RateCard


def place(facts: Sequence[BillableFact], closed: Container[str]) -> list[str]:
    """Return the period whose statement counts each fact: its own, or the next that is open."""
    return [earliest_open(period_of(fact.occurred_at), closed) for fact in facts]


def charge_for(fact: BillableFact, period: str, cards: Sequence[RateCard]) -> Charge | None:
    """Return the charge that `fact` causes; None if it was filtered or had no price."""
    card = card_at(cards, fact.occurred_at)
    if fact.filtered_reason is not None or card is None:
        return None
    return Charge(fact.send_id, fact.kind, fact.occurred_at, period, card.version)


def late_count(facts: Sequence[BillableFact], placed: Sequence[str]) -> int:
    """Count the facts whose own period was closed when they were placed."""
    return sum(
        period != period_of(fact.occurred_at) for fact, period in zip(facts, placed, strict=True)
    )
