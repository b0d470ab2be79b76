"""What a verification finds."""

from __future__ import annotations

from dataclasses import dataclass

from sendopt.log import UnnamedFile
from sendopt.records import TenantId


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise, at one row of one store."""

    store: str  # "state", "ledger", "log", "registry"
    rule: str
    tenant_id: TenantId
    subject: str  # the id of the row
    explanation: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is broken, and how much was looked at."""

    findings: tuple[Finding, ...]
    tenant_count: int
    send_count: int
    event_count: int
    unsettled: tuple[TenantId, ...]  # still at work: their bills could not be compared just now
    unnamed_files: tuple[UnnamedFile, ...]  # not finished, or forgotten by the catalog
