"""What the claims of a token give: a tenant and roles in it, or a role of operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sendopt.identity.refusal import TokenRefused

_MOST_VALUES = 64


@dataclass(frozen=True, slots=True)
class TenantGrant:
    """Roles in one tenant, at least one."""

    tenant_id: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class OperatorGrant:
    """Roles over tenants, at least one."""

    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """Where a token says what its holder may do.

    Attributes:
        tenant_claim: names the tenant.
        roles_claim: names roles in it, one or a list.
        by_value: what values of `roles_claim` give by a setting, such as groups of the issuer's;
            where there are any, no other value gives anything, and `tenant_claim` is not looked at.
    """

    tenant_claim: str
    roles_claim: str
    by_value: Mapping[str, TenantGrant | OperatorGrant] = field(default_factory=dict)


def grant_of(claims: Mapping[str, Any], rules: ClaimRules) -> TenantGrant | OperatorGrant:
    """Return what these claims give.

    Raises:
        TokenRefused: nothing; or roles in more than one tenant, or in one and over all of them,
            of which nobody could say as which it speaks.
    """
    values = _values(claims.get(rules.roles_claim))
    if not rules.by_value:
        tenant_id = claims.get(rules.tenant_claim)
        if not isinstance(tenant_id, str) or not values:
            raise TokenRefused("no_role")
        return TenantGrant(tenant_id, values)
    given = [rules.by_value[value] for value in sorted(values) if value in rules.by_value]
    if not given:
        raise TokenRefused("no_role")
    roles = frozenset(role for each in given for role in each.roles)
    tenants = {each.tenant_id if isinstance(each, TenantGrant) else None for each in given}
    if len(tenants) > 1:
        raise TokenRefused("roles_of_several_tenants")
    tenant = tenants.pop()
    return OperatorGrant(roles) if tenant is None else TenantGrant(tenant, roles)


def _values(claim: Any) -> frozenset[str]:
    values = claim if isinstance(claim, list) else [claim]
    if len(values) > _MOST_VALUES or not all(isinstance(each, str) for each in values):
        return frozenset()
    return frozenset(values)
