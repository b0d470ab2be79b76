"""Charge for what was measured and not metered yet, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

from sendopt.bill.meter import charge_for, late_count, place
from sendopt.records import ChargeKind, TenantId
from sendopt.state import State, TenantWrite, ledger, metering, tenants

BATCH = 5000  # facts of one transaction; clicks go on meanwhile


@dataclass(frozen=True, slots=True)
class ChargeReport:
    """What one run has metered."""

    metered: int = 0  # clicks and responses, filtered or not
    charged: int = 0
    late: int = 0  # their own period was closed: adjustments in the next open one

    def __add__(self, other: ChargeReport) -> ChargeReport:
        return ChargeReport(
            self.metered + other.metered, self.charged + other.charged, self.late + other.late
        )


def charge_billable(state: State, tenant_id: TenantId) -> ChargeReport:
    """Meter everything that has been measured and not metered yet.

    Running it again, or twice at once, charges nothing twice. What happened while no rate card
    was in force is counted and never charged.

    Raises:
        NotFound: `tenant_unknown`.
    """
    total = ChargeReport()
    while True:
        with state.write(tenant_id) as tx:
            tenants.lock(tx)
            report = meter_batch(tx, limit=BATCH)
        total += report
        if report.metered < BATCH:  # of each kind all that there was
            return total


def meter_batch(tx: TenantWrite, *, limit: int) -> ChargeReport:
    """Meter up to `limit` facts of each kind; the caller holds the tenant's billing lock."""
    found = [
        (kind, facts) for kind in ChargeKind if (facts := metering.unmetered(tx, kind, limit=limit))
    ]
    if not found:
        return ChargeReport()
    cards = ledger.rate_cards(tx)
    closed = ledger.closed_periods(tx)
    total = ChargeReport()
    for kind, facts in found:
        placed = place(facts, closed)
        charges = [
            charge
            for fact, period in zip(facts, placed, strict=True)
            if (charge := charge_for(fact, period, cards)) is not None
        ]
        keys = [fact.key for fact in facts]
        metering.stamp(tx, kind, list(zip(keys, placed, strict=True)))
        metering.add_charges(tx, charges)
        total += ChargeReport(len(facts), len(charges), late_count(facts, placed))
    return total
