"""Statements: what is charged, and why."""

from __future__ import annotations

from typing import Any

from sendopt import bill
from sendopt.app.answers import IssuedStatement
from sendopt.app.subject import Subject, needs
from sendopt.bill import statement_list
from sendopt.bill.statement_list import ListedStatement
from sendopt.records import Permission, RateCard
from sendopt.state import TenantWrite
from sendopt.state.pages import Page


class Statements(Subject):
    """What the tenant pays, and for what."""

    @needs(Permission.RATE_CARDS_WRITE)
    def put_rate_card(self, body: Any) -> RateCard:
        """Set prices from a date on.

        Raises:
            InvalidInput: `money_invalid`, `time_invalid`, `window_invalid`.
            Conflict: `period_closed`, `rate_card_order`, `already_counted`.
        """

        def audit(tx: TenantWrite, card: RateCard) -> None:
            after = {
                "currency": card.currency,
                "click_price_minor": str(card.click_price_minor),
                "response_price_minor": str(card.response_price_minor),
                "effective_at": card.effective_at.isoformat(),
            }
            self._audit(tx, "rate_card:put", f"version {card.version}", after=after)

        return bill.put_rate_card(self._stores.state, self._tenant_id, body, beside=audit)

    @needs(Permission.STATEMENTS_READ)
    def get(self, period: str) -> IssuedStatement:
        """Return the statement of a period: as it was closed, or up to this moment.

        Raises:
            InvalidInput: `period_invalid`.
            InvariantBroken: `charges_differ`.
        """
        state = self._stores.state
        closing = bill.find_closing(state, self._tenant_id, period)
        if closing is not None:
            return IssuedStatement(closing.statement, closing.closed_at)
        bill.charge_billable(state, self._tenant_id)
        return IssuedStatement(bill.statement(state, self._tenant_id, period), None)

    @needs(Permission.STATEMENTS_READ)
    def page(self, *, behind: str | None = None, limit: int) -> Page[ListedStatement]:
        """Return up to `limit` statements before a period with their totals, the newest first."""
        bill.charge_billable(self._stores.state, self._tenant_id)
        with self._read() as tx:
            return statement_list.page(tx, behind=behind, limit=limit)

    @needs(Permission.STATEMENTS_CLOSE)
    def close(self, period: str) -> bill.Closing:
        """Freeze a period for ever.

        Raises:
            Conflict: `period_open`, until the grace after its end is over.
        """

        def audit(tx: TenantWrite, closing: bill.Closing) -> None:
            self._audit(tx, "statement:close", period, after={"sha256": closing.sha256})

        return bill.close_period(
            self._stores.state, self._tenant_id, period, now=self._now(), beside=audit
        )
