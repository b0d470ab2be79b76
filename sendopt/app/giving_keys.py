"""What giving out keys of tenants and of operators shares."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from sendopt.errors import NotPermitted
from sendopt.records import OperatorPrincipal, Principal
from sendopt.state.api_keys import ApiKey
from sendopt.state.operator_keys import OperatorKey


def require_power(
    who: Principal | OperatorPrincipal, role: str, permissions: AbstractSet[str], *, hint: str
) -> None:
    """Refuse to deal with keys of a role that may do what `who` may not.

    Else an administrator could give itself an owner's key, or lock the owners out.

    Args:
        who: asks.
        role: of the keys.
        permissions: what that role may do.
        hint: where the power is that `who` lacks.

    Raises:
        NotPermitted: `role_beyond_own`.
    """
    beyond = permissions - who.permissions
    if beyond:
        raise NotPermitted(
            f"the role {role} may do more than {who.role}: {', '.join(sorted(beyond))}",
            code="role_beyond_own",
            field="role",
            expected="a role that may do no more than that of the key which asks",
            hint=hint,
        )


def as_audited(key: ApiKey | OperatorKey) -> dict[str, Any]:
    """Return what the audit says of a key."""
    ends = key.expires_at
    return {
        "name": key.name,
        "role": key.role,
        "expires_at": None if ends is None else ends.isoformat(),
    }
