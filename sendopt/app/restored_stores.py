"""Compares restored stores with their manifest, and settles what nobody can know of them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sendopt import bill
from sendopt.app.home_files import CATALOG, DATA, LOG_EVENTS, STATE
from sendopt.backup.manifest import Manifest
from sendopt.errors import StoreFailure
from sendopt.log import LogLocation
from sendopt.log.inventory import LogInventory, take_inventory
from sendopt.records import AuditRecord
from sendopt.settings import Settings
from sendopt.state import State, audit_trail, migrate, tenants
from sendopt.state.hold import Held, held, hold, resume
from sendopt.state.home import part, take_place
from sendopt.state.inventory import row_counts


@dataclass(frozen=True)
class Settled:
    """What somebody has to decide about."""

    held: Held
    maybe_closed: dict[str, list[str]]  # tenant → periods that are open here, and may be closed


def check_counts(draft: Path, manifest: Manifest, settings: Settings) -> None:
    """Count everything again.

    Raises:
        StoreFailure: `backup_damaged`, naming every count that differs.
    """
    counts = counts_of(draft, manifest, settings)
    differing = [
        f"{table} of {tenant}: {counts.get(tenant, {}).get(table, 0):,}, not {expected:,}"
        for tenant, of_tables in manifest.counts.items()
        for table, expected in of_tables.items()
        if counts.get(tenant, {}).get(table, 0) != expected
    ]
    if differing:
        raise StoreFailure(
            f"the stores do not hold what the manifest counts: {'; '.join(differing)}",
            statement="restore",
            code="backup_damaged",
            hint="nothing was restored; try another backup by --backup",
        )


def counts_of(home: Path, manifest: Manifest, settings: Settings) -> dict[str, dict[str, int]]:
    """Count what the stores of a home hold, as a manifest does."""
    counts: dict[str, dict[str, int]] = {}
    if (home / STATE).exists():
        with closing(_state_of(home)) as state, state.read_fleet() as tx:
            counts |= {str(tenant): dict(rows) for tenant, rows in row_counts(tx).items()}
    if (log := _log_of(home, manifest, settings)) is not None:
        for tenant_id, events in log.events.items():
            counts.setdefault(str(tenant_id), {})[LOG_EVENTS] = events
    return counts


def settle_state(
    home: Path, now: datetime, *, new_id: str, resumed: bool, record: AuditRecord
) -> Settled:
    """Upgrade the state to this release, let it be another home, and hold its sends.

    Args:
        home: which holds the state.
        now: when it is.
        new_id: of the home, for as long as its original may be at work.
        resumed: let go out what is due from now on, and take the place of the original.
        record: of the restore, for the audit trail of operators.
    """
    if not (home / STATE).exists():
        return Settled(Held(0, 0), {})
    with closing(_state_of(home)) as state:
        migrate(state)
        with state.write_fleet() as tx:
            hold(tx)
            part(tx, new_id)
            if resumed:
                resume(tx, now=now, overdue=False)
                take_place(tx)
            audit_trail.add_of_operator(tx, record)
            closable = {
                str(each): bill.closable(tx.of(each), now=now) for each in tenants.everyone(tx)
            }
            return Settled(
                held(tx, now=now), {tenant: open_ for tenant, open_ in closable.items() if open_}
            )


def _state_of(home: Path) -> State:
    return State(Settings(home=home).state_url)


def _log_of(home: Path, manifest: Manifest, settings: Settings) -> LogInventory | None:
    if any(each.store.startswith("log") for each in manifest.left_out):
        return None
    return take_inventory(
        LogLocation(str(home / CATALOG), str(home / DATA)),
        memory_limit=settings.log.memory_limit,
        threads=settings.log.threads,
    )
