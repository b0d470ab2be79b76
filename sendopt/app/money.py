"""Use cases of finance: prices, metering, statements, closing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from sendopt import bill
from sendopt.app.answers import IssuedStatement
from sendopt.app.stores import Stores
from sendopt.errors import RowRefused, SendoptError, StoreFailure
from sendopt.records import RateCard, TenantId
from sendopt.state import tenants
from sendopt.state.damage import NOT_A_VALUE

_log = structlog.get_logger()


class Money(Stores):
    """What is charged, and why."""

    def put_rate_card(self, tenant_id: TenantId, body: Any) -> RateCard:
        """Set prices from a date on.

        Raises:
            InvalidInput: `money_invalid`, `time_invalid`, `window_invalid`.
            Conflict: `period_closed`, `rate_card_order`, `already_counted`.
        """
        return bill.put_rate_card(self.state, tenant_id, body)

    def meter(self, *, progress: Callable[[], None] = lambda: None) -> tuple[TenantId, ...]:
        """Charge for every tenant what was measured since the last time.

        What a tenant's own rows do not let be charged is logged and stays for the next time; the
        other tenants are charged. `progress` is called after every tenant.

        Returns whose rows did not let themselves be charged.

        Raises:
            StoreFailure: if the state fails.
        """
        with self.state.read_fleet() as tx:
            everyone = tenants.everyone(tx)
        failed = []
        for tenant_id in everyone:
            try:
                bill.charge_billable(self.state, tenant_id)
            except (SendoptError, *NOT_A_VALUE) as error:
                if isinstance(error, StoreFailure) and not isinstance(error, RowRefused):
                    raise
                _log.error("metering_failed", tenant_id=tenant_id, error=type(error).__name__)
                failed.append(tenant_id)
            progress()
        return tuple(failed)

    def statement(self, tenant_id: TenantId, period: str) -> IssuedStatement:
        """Return the statement of a period: as it was closed, or up to this moment.

        Raises:
            InvalidInput: `period_invalid`.
            NotFound: `tenant_unknown`.
            InvariantBroken: `charges_differ`.
        """
        closing = bill.find_closing(self.state, tenant_id, period)
        if closing is not None:
            return IssuedStatement(closing.statement, closing.closed_at)
        bill.charge_billable(self.state, tenant_id)
        return IssuedStatement(bill.statement(self.state, tenant_id, period), None)

    def close_period(self, tenant_id: TenantId, period: str) -> bill.Closing:
        """Freeze a period for ever.

        Raises:
            Conflict: `period_open`, until the grace after its end is over.
        """
        return bill.close_period(self.state, tenant_id, period, now=self.clock.now())
