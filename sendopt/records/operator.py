"""Who runs the service, and what they may do: over tenants, and in the rows of none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendopt.errors import NotPermitted
from sendopt.records.origin import UNKNOWN_ORIGIN, Origin


class OperatorPermission(StrEnum):
    """A thing that can be done over tenants, as `resource:action`."""

    TENANTS_READ = "tenants:read"
    TENANTS_WRITE = "tenants:write"
    FLEET_READ = "fleet:read"  # what waits, and how old it is
    FLEET_VERIFY = "fleet:verify"  # check everything that is stored
    FLEET_HOLD = "fleet:hold"  # hold everybody's sends, and let them go
    OPERATOR_KEYS_READ = "operator_keys:read"
    OPERATOR_KEYS_WRITE = "operator_keys:write"
    OPERATOR_AUDIT_READ = "operator_audit:read"


class OperatorRole(StrEnum):
    """The roles of operators."""

    OPERATOR = "operator"
    OBSERVER = "observer"


#: What each role of operators may do.
OPERATOR_PERMISSIONS_OF: dict[OperatorRole, frozenset[OperatorPermission]] = {
    OperatorRole.OPERATOR: frozenset(OperatorPermission),
    OperatorRole.OBSERVER: frozenset(each for each in OperatorPermission if each.endswith(":read")),
}


@dataclass(frozen=True, slots=True)
class OperatorPrincipal:
    """A program or a person that runs the service. It speaks for no tenant."""

    actor: str  # "operator key:3f2a...", "command line"
    role: str
    permissions: frozenset[OperatorPermission]
    origin: Origin = UNKNOWN_ORIGIN
    ends_at: datetime | None = None  # of what it was known by; None = it may have none

    @classmethod
    def of(
        cls, actor: str, role: OperatorRole, *, origin: Origin = UNKNOWN_ORIGIN
    ) -> OperatorPrincipal:
        """Return somebody with the rights of a role."""
        return cls(actor, role, OPERATOR_PERMISSIONS_OF[role], origin)

    def require(self, permission: OperatorPermission) -> None:
        """Refuse what the role does not allow.

        Raises:
            NotPermitted: `permission_missing`.
        """
        if permission not in self.permissions:
            roles = (name for name, held in OPERATOR_PERMISSIONS_OF.items() if permission in held)
            raise NotPermitted(
                f"the role {self.role} may not do this",
                code="permission_missing",
                expected=f"the permission {permission}",
                hint=f"a key of one of the roles {', '.join(roles)}",
            )
