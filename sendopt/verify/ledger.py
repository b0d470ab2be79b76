"""Checks money: closed statements unchanged, and every bill computed a second way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sendopt.bill import late_events, recompute
from sendopt.bill.statement import find_or_compute
from sendopt.errors import InvariantBroken
from sendopt.log import Reader
from sendopt.records import TenantId
from sendopt.state import Transaction, audit, ledger
from sendopt.verify.report import Finding


def frozen_statements(tx: Transaction, tenant_id: TenantId) -> Iterator[Finding]:
    """Yield closed periods whose statement is not the one that was signed off."""
    for name in sorted(ledger.closed_periods(tx, tenant_id)):
        closed = ledger.find_closed(tx, tenant_id, name)
        if closed and hashlib.sha256(closed.statement.encode()).hexdigest() != (
            closed.statement_sha256
        ):
            yield _finding(
                "closed_statement_never_changes", tenant_id, name, "it does not match its hash"
            )


def bills(tx: Transaction, reader: Reader, tenant_id: TenantId) -> Iterator[Finding]:
    """Yield periods whose statement the log, computed on its own, does not confirm.

    The tenant must be settled: everything metered, and in the log that `reader` sees.
    """
    cards = ledger.rate_cards(tx, tenant_id)
    late = late_events(tx, tenant_id)
    for period in audit.billed_periods(tx, tenant_id):
        try:
            stated = find_or_compute(tx, tenant_id, period)
        except InvariantBroken as broken:
            yield _finding("charges_match_what_counted", tenant_id, period, broken.message)
            continue
        counted = recompute(reader, tenant_id, cards, period, late=late)
        if counted != stated:
            yield _finding(
                "log_confirms_statement",
                tenant_id,
                period,
                f"the ledger says {stated.total_minor}, the log {counted.total_minor} minor units",
            )


def _finding(rule: str, tenant_id: TenantId, subject: str, explanation: str) -> Finding:
    return Finding("ledger", rule, tenant_id, subject, explanation)
