"""Runs all checks: each store against its own rules, then the stores against each other."""

from __future__ import annotations

from collections.abc import Callable

from sendopt.learn import Registry
from sendopt.log import Log
from sendopt.records import TenantId
from sendopt.state import State, audit, tenants
from sendopt.verify.ledger import bills
from sendopt.verify.log import LogCheck
from sendopt.verify.registry import champion
from sendopt.verify.report import Finding, Report


def verify(
    state: State, log: Log, registry: Registry, *, progress: Callable[[str], None]
) -> Report:
    """Check everything. It only reads, and may run beside a working service."""
    findings: list[Finding] = []
    with state.read() as tx:
        for store, about, check in _STATE_CHECKS:
            progress(about)
            findings += [
                Finding(store, broken.rule, broken.tenant_id, broken.subject, broken.explanation)
                for broken in check(tx)
            ]
        everyone = tenants.everyone(tx)
        send_count = audit.send_count(tx)
    event_count = 0
    unsettled = []
    for tenant_id in everyone:
        progress(f"log and bills of {tenant_id}")
        count, settled = _between_stores(state, log, tenant_id, findings)
        event_count += count
        if not settled:
            unsettled.append(tenant_id)
        findings += champion(registry, tenant_id)
    return Report(tuple(findings), len(everyone), send_count, event_count, tuple(unsettled))


def _between_stores(
    state: State, log: Log, tenant_id: TenantId, findings: list[Finding]
) -> tuple[int, bool]:
    """Check one tenant's log and bills; return its events, and whether bills could be compared.

    The order matters: what the mark says was copied is in any later log, and a state that is
    read last knows every event of the log.
    """
    copied_up_to = log.high_water_mark()
    with log.reader(tenant_id) as reader, state.read() as tx:
        checked = LogCheck(reader, tenant_id)
        findings += checked.completeness()
        findings += checked.repeated_ids()
        findings += checked.lost_events(tx, copied_up_to)
        settled = audit.is_settled(tx, tenant_id, copied_up_to)
        findings += bills(tx, reader, tenant_id, settled=settled)
        return checked.event_count, settled


_STATE_CHECKS = (
    ("state", "sends and decisions", audit.sends),
    ("state", "clicks and responses", audit.engagement),
    ("ledger", "charges and postings", audit.money),
    ("state", "outbox", audit.outbox),
)
