"""Close a period: freeze its statement for ever, and book it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sendopt.bill.charging import BATCH, meter_batch
from sendopt.bill.periods import GRACE, bounds
from sendopt.bill.statement import Statement, compute, read_document
from sendopt.errors import Conflict
from sendopt.records import TenantId
from sendopt.state import State, TenantRead, TenantWrite, audit, ledger, tenants
from sendopt.state.ledger import ClosedPeriod, LedgerEntry

RECEIVABLE = "receivable"


@dataclass(frozen=True, slots=True)
class Closing:
    """A closed period, the same whenever it is asked for."""

    statement: Statement
    document: str  # the frozen bytes
    sha256: str
    closed_at: datetime


def close_period(
    state: State,
    tenant_id: TenantId,
    period: str,
    *,
    now: datetime,
    beside: Callable[[TenantWrite, Closing], None] = lambda _tx, _closing: None,
) -> Closing:
    """Meter what is left, freeze the statement and book its amounts, all or nothing.

    Closing again gives the first answer. What is recorded later belongs to the next open period.

    Args:
        state: where all of it is.
        tenant_id: whose period.
        period: such as 2026-10.
        now: when.
        beside: done in the same transaction, where the period was open.

    Raises:
        InvalidInput: `period_invalid`.
        Conflict: `period_open`, until the grace after its end is over.
        NotFound: `tenant_unknown`.
        InvariantBroken: `charges_differ`; nothing is frozen.
    """
    opens_for_closing = bounds(period)[1] + GRACE
    with state.write(tenant_id) as tx:
        tenants.lock(tx)
        known = ledger.find_closed(tx, period)
        if known is not None:
            return _closing(known)
        if now < opens_for_closing:
            raise Conflict(
                f"{period} may still receive clicks and responses",
                code="period_open",
                field="/period",
                expected=f"closing at {opens_for_closing.isoformat()} or later",
            )
        while meter_batch(tx, limit=BATCH).metered:
            pass
        statement = compute(tx, period)
        closed = ClosedPeriod(period, now, statement.document(), statement.sha256())
        ledger.add_closed(tx, closed)
        ledger.post(tx, postings(statement), now=now)
        closing = _closing(closed)
        beside(tx, closing)
    return closing


def closable(tx: TenantRead, *, now: datetime) -> list[str]:
    """Return the periods that stand open although they could have been closed by `now`."""
    closed = ledger.closed_periods(tx)
    return [
        period
        for period in audit.billed_periods(tx)
        if period not in closed and bounds(period)[1] + GRACE <= now
    ]


def find_closing(state: State, tenant_id: TenantId, period: str) -> Closing | None:
    """Return how a period was closed; None while it is open."""
    bounds(period)
    with state.read(tenant_id) as tx:
        known = ledger.find_closed(tx, period)
    return None if known is None else _closing(known)


def postings(statement: Statement) -> Iterator[LedgerEntry]:
    """Book each line twice: what the tenant owes, and what it was earned with."""
    for line in statement.lines:
        if not line.amount_minor or statement.currency is None:
            continue
        name = f"{statement.period}/{line.kind}/{line.rate_card_version}"
        if line.occurred_in != statement.period:
            name += f"/{line.occurred_in}"
        for account, sign in ((RECEIVABLE, 1), (f"revenue/{line.kind}", -1)):
            yield LedgerEntry(
                name, account, sign * line.amount_minor, statement.currency, statement.period
            )


def _closing(closed: ClosedPeriod) -> Closing:
    return Closing(
        read_document(closed.statement), closed.statement, closed.statement_sha256, closed.closed_at
    )
