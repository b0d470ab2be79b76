"""Checks money: closed statements unchanged, and every bill computed a second way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from sendopt.bill import late_events, recompute
from sendopt.bill.statement import find_or_compute
from sendopt.errors import InvariantBroken
from sendopt.log import Reader
from sendopt.records import RateCard, TenantId
from sendopt.state import Transaction, audit, ledger
from sendopt.state.damage import NOT_A_VALUE
from sendopt.verify.report import Finding


def bills(
    tx: Transaction, reader: Reader, tenant_id: TenantId, *, settled: bool
) -> Iterator[Finding]:
    """Yield what is wrong with the tenant's statements, closed and open.

    `settled` says that everything is metered and in the log that `reader` sees; only then can
    the log be asked to confirm what the ledger says.
    """
    cards = ledger.rate_cards(tx, tenant_id)
    late = late_events(tx, tenant_id) if settled else {}
    for period in audit.billed_periods(tx, tenant_id):
        try:
            yield from _bill(
                tx, reader, tenant_id, period, cards=cards, late=late if settled else None
            )
        except NOT_A_VALUE as error:
            yield _finding(
                "statement_can_be_read",
                tenant_id,
                period,
                f"a row that it is made of cannot be read ({type(error).__name__})",
            )


def _bill(
    tx: Transaction,
    reader: Reader,
    tenant_id: TenantId,
    period: str,
    *,
    cards: Sequence[RateCard],
    late: Mapping[str, str] | None,
) -> Iterator[Finding]:
    """Yield what is wrong with one statement; without `late` the log is not asked."""
    if not _as_signed_off(tx, tenant_id, period):
        yield _finding(
            "closed_statement_never_changes",
            tenant_id,
            period,
            "the statement does not match its hash",
        )
        return
    try:
        stated = find_or_compute(tx, tenant_id, period)
    except InvariantBroken as broken:
        yield _finding("charges_match_what_counted", tenant_id, period, broken.message)
        return
    if late is None:
        return
    counted = recompute(reader, tenant_id, cards, period, late=late)
    if counted != stated:
        yield _finding(
            "log_confirms_statement",
            tenant_id,
            period,
            f"the ledger says {stated.total_minor}, the log {counted.total_minor} minor units",
        )


def _as_signed_off(tx: Transaction, tenant_id: TenantId, period: str) -> bool:
    closed = ledger.find_closed(tx, tenant_id, period)
    return closed is None or (
        hashlib.sha256(closed.statement.encode()).hexdigest() == closed.statement_sha256
    )


def _finding(rule: str, tenant_id: TenantId, subject: str, explanation: str) -> Finding:
    return Finding("ledger", rule, tenant_id, subject, explanation)
