"""What the last look for drift found, for every tenant: watching needs no log and no model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.records import TenantId
from sendopt.state.tables import drift_alarm
from sendopt.state.transaction import FleetRead, TenantWrite


@dataclass(frozen=True, slots=True)
class KeptAlarm:
    """One alarm of a tenant."""

    tenant_id: TenantId
    name: str
    value: float  # how far something moved; may be negative
    threshold: float | None  # which its size has to pass; None = too few users to tell
    ringing: bool
    until: datetime  # the end of the week that was looked at


def keep(tx: TenantWrite, alarms: Iterable[KeptAlarm]) -> None:
    """Put `alarms` in the place of all that was kept of the tenant."""
    tx.execute(sa.delete(drift_alarm).where(tx.owns(drift_alarm)))
    rows = [asdict(alarm) | {"tenant_id": tx.tenant_id} for alarm in alarms]
    if rows:
        tx.execute(sa.insert(drift_alarm), rows)


def everyones(tx: FleetRead) -> list[KeptAlarm]:
    """Return every tenant's alarms, for the operator alone."""
    rows = tx.execute(sa.select(drift_alarm).order_by(drift_alarm.c.tenant_id, drift_alarm.c.name))
    return [KeptAlarm(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name
