"""The audit trail: who changed what."""

from __future__ import annotations

from sendopt.app.subject import Subject, needs
from sendopt.records import AuditFilter, AuditRecord, Permission
from sendopt.state import audit_trail
from sendopt.state.audit_trail import AuditKey
from sendopt.state.pages import Page


class Audit(Subject):
    """What principals of the tenant changed."""

    @needs(Permission.AUDIT_READ)
    def page(
        self, chosen: AuditFilter, *, behind: AuditKey | None = None, limit: int
    ) -> Page[AuditRecord]:
        """Return records, the newest first."""
        with self._read() as tx:
            return audit_trail.page(tx, chosen, behind=behind, limit=limit)
