"""What a check of the state finds."""

from __future__ import annotations

from dataclasses import dataclass

from sendopt.records import TenantId

#: Whose a row is that is nobody's, or nobody can tell.
NOBODY = TenantId("-")


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule at one row."""

    rule: str
    tenant_id: TenantId
    subject: str  # the id of the row
    explanation: str
