"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendopt.errors import NotPermitted
from sendopt.records.ids import TenantId
from sendopt.records.origin import UNKNOWN_ORIGIN, Origin


class Permission(StrEnum):
    """A thing that can be done, as `resource:action`. Every route asks for at least one."""

    EVENTS_WRITE = "events:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    USERS_EXPORT = "users:export"  # everything that is held about one
    USERS_ERASE = "users:erase"  # for good, from every store
    DEVICES_READ = "devices:read"
    DEVICES_WRITE = "devices:write"
    SCORES_READ = "scores:read"  # best times, and why
    SCORES_WRITE = "scores:write"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    CAMPAIGNS_SEND = "campaigns:send"  # let messages go out, and call them off
    LIMITS_READ = "limits:read"  # over all campaigns
    LIMITS_WRITE = "limits:write"
    SENDS_READ = "sends:read"
    SENDS_CREATE = "sends:create"  # ask for one message of a campaign that goes out
    SENDS_CANCEL = "sends:cancel"
    RESULTS_READ = "results:read"
    MODELS_READ = "models:read"
    MODELS_WRITE = "models:write"
    STATEMENTS_READ = "statements:read"
    STATEMENTS_CLOSE = "statements:close"
    RATE_CARDS_WRITE = "rate_cards:write"
    DEVICE_TOKENS_WRITE = "device_tokens:write"  # let a browser speak for one user
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    AUDIT_READ = "audit:read"  # who changed what


class BuiltInRole(StrEnum):
    """The roles that every tenant has."""

    OWNER = "owner"
    ADMIN = "admin"
    CAMPAIGN_MANAGER = "campaign_manager"
    ANALYST = "analyst"
    FINANCE = "finance"
    AUDITOR = "auditor"
    INGEST = "ingest"


_READS = frozenset(each for each in Permission if each.endswith(":read"))
_ABOUT_CAMPAIGNS = frozenset(
    {
        Permission.CAMPAIGNS_READ,
        Permission.LIMITS_READ,
        Permission.SENDS_READ,
        Permission.RESULTS_READ,
    }
)
_MONEY = frozenset({Permission.STATEMENTS_CLOSE, Permission.RATE_CARDS_WRITE})

#: What each built-in role may do.
PERMISSIONS_OF: dict[BuiltInRole, frozenset[Permission]] = {
    BuiltInRole.OWNER: frozenset(Permission),
    BuiltInRole.ADMIN: frozenset(Permission) - _MONEY,
    BuiltInRole.CAMPAIGN_MANAGER: _ABOUT_CAMPAIGNS
    | {
        Permission.CAMPAIGNS_WRITE,
        Permission.CAMPAIGNS_SEND,
        Permission.SENDS_CREATE,
        Permission.SENDS_CANCEL,
        Permission.USERS_READ,
        Permission.DEVICES_READ,
        Permission.SCORES_READ,
        Permission.MODELS_READ,
    },
    BuiltInRole.ANALYST: _READS
    - {Permission.STATEMENTS_READ, Permission.KEYS_READ, Permission.AUDIT_READ},
    BuiltInRole.FINANCE: _ABOUT_CAMPAIGNS | _MONEY | {Permission.STATEMENTS_READ},
    BuiltInRole.AUDITOR: _READS,
    BuiltInRole.INGEST: frozenset(
        {
            Permission.EVENTS_WRITE,
            Permission.USERS_WRITE,
            Permission.DEVICES_WRITE,
            Permission.DEVICE_TOKENS_WRITE,
        }
    ),
}


#: The actor where nobody says more: somebody who works on the machine itself.
COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Principal:
    """A program or a person that speaks for one tenant, with the permissions of one role."""

    tenant_id: TenantId
    actor: str  # "key:3f2a...", "command line"
    role: str  # a built-in one, or one of the tenant's own
    permissions: frozenset[Permission]
    origin: Origin = UNKNOWN_ORIGIN
    ends_at: datetime | None = None  # of what it was known by; None = it may have none

    @classmethod
    def owner(
        cls, tenant_id: TenantId, actor: str, *, origin: Origin = UNKNOWN_ORIGIN
    ) -> Principal:
        """Return somebody with the rights of the tenant's owner."""
        return cls(tenant_id, actor, BuiltInRole.OWNER, frozenset(Permission), origin)

    def require(self, permission: Permission) -> None:
        """Refuse what the role does not allow.

        Raises:
            NotPermitted: `permission_missing`.
        """
        if permission not in self.permissions:
            roles = ", ".join(role for role, held in PERMISSIONS_OF.items() if permission in held)
            raise NotPermitted(
                f"the role {self.role} may not do this",
                code="permission_missing",
                expected=f"the permission {permission}",
                hint=f"a key of one of the roles {roles}, or of a role of your own that has it",
            )
