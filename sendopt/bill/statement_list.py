"""A tenant's statements, the newest period first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.bill.statement import compute, read_document
from sendopt.errors import InvariantBroken
from sendopt.state import TenantRead, audit, ledger
from sendopt.state.damage import NOT_A_VALUE
from sendopt.state.pages import Page


@dataclass(frozen=True, slots=True)
class ListedStatement:
    """A statement without its lines."""

    period: str
    closed_at: datetime | None  # None = the period is open: the figures are of up to now
    currency: str | None  # None = there is no rate card, and nothing is charged
    gross: int  # clicks and responses that were measured
    net: int  # of these, what is left once the rules of counting have filtered
    total_minor: int  # in the currency's smallest unit


def page(tx: TenantRead, *, behind: str | None, limit: int) -> Page[ListedStatement]:
    """Return up to `limit` statements before a period; None = from the newest on.

    A period stands in the list once something was metered in it, or it was closed.
    """
    periods = [
        each for each in reversed(audit.billed_periods(tx)) if behind is None or each < behind
    ]
    items, damaged = list[ListedStatement](), list[str]()
    for period in periods[:limit]:
        try:
            items.append(_listed(tx, period))
        except (InvariantBroken, *NOT_A_VALUE):
            damaged.append(period)
    ends = len(periods) <= limit
    return Page(tuple(items), tuple(damaged), None if ends else (periods[limit - 1],))


def _listed(tx: TenantRead, period: str) -> ListedStatement:
    closed = ledger.find_closed(tx, period)
    found = compute(tx, period) if closed is None else read_document(closed.statement)
    return ListedStatement(
        period=period,
        closed_at=None if closed is None else closed.closed_at,
        currency=found.currency,
        gross=sum(line.gross for line in found.lines),
        net=sum(line.net for line in found.lines),
        total_minor=found.total_minor,
    )
