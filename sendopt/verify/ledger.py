"""Checks money: closed statements unchanged, and every bill computed a second way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from sendopt.bill import late_events, recompute
from sendopt.bill.statement import find_or_compute
from sendopt.errors import InvariantBroken
from sendopt.log import Reader
from sendopt.records import RateCard, TenantId
from sendopt.state import TenantRead, audit, ledger
from sendopt.state.damage import NOT_A_VALUE
from sendopt.verify.report import Finding


def bills(tx: TenantRead, reader: Reader, *, settled: bool) -> Iterator[Finding]:
    """Yield what is wrong with the tenant's statements, closed and open.

    `settled` says that everything is metered and in the log that `reader` sees; only then can
    the log be asked to confirm what the ledger says.
    """
    cards = ledger.rate_cards(tx)
    late = late_events(tx) if settled else {}
    for period in audit.billed_periods(tx):
        try:
            yield from _bill(tx, reader, period, cards=cards, late=late if settled else None)
        except NOT_A_VALUE as error:
            yield _finding(
                "statement_can_be_read",
                tx.tenant_id,
                period,
                f"a row that it is made of cannot be read ({type(error).__name__})",
            )


def _bill(
    tx: TenantRead,
    reader: Reader,
    period: str,
    *,
    cards: Sequence[RateCard],
    late: Mapping[str, str] | None,
) -> Iterator[Finding]:
    """Yield what is wrong with one statement; without `late` the log is not asked."""
    if not _as_signed_off(tx, period):
        yield _finding(
            "closed_statement_never_changes",
            tx.tenant_id,
            period,
            "the statement does not match its hash",
        )
        return
    try:
        stated = find_or_compute(tx, period)
    except InvariantBroken as broken:
        yield _finding("charges_match_what_counted", tx.tenant_id, period, broken.message)
        return
    if late is None:
        return
    counted = recompute(reader, tx.tenant_id, cards, period, late=late)
    if counted != stated:
        yield _finding(
            "log_confirms_statement",
            tx.tenant_id,
            period,
            f"the ledger says {stated.total_minor}, the log {counted.total_minor} minor units",
        )


def _as_signed_off(tx: TenantRead, period: str) -> bool:
    closed = ledger.find_closed(tx, period)
    return closed is None or (
        hashlib.sha256(closed.statement.encode()).hexdigest() == closed.statement_sha256
    )


def _finding(rule: str, tenant_id: TenantId, subject: str, explanation: str) -> Finding:
    return Finding("ledger", rule, tenant_id, subject, explanation)
