"""What claims give, and what they do not."""

from __future__ import annotations

from typing import Any

import pytest

from sendopt.identity.grants import ClaimRules, OperatorGrant, TenantGrant, grant_of
from sendopt.identity.refusal import TokenRefused

ANALYST = TenantGrant("acme", frozenset({"analyst"}))
BY_NAME = ClaimRules("sendopt_tenant", "sendopt_roles")
BY_VALUE = ClaimRules(
    "sendopt_tenant",
    "groups",
    {
        "push-analysts": ANALYST,
        "push-money": TenantGrant("acme", frozenset({"finance"})),
        "push-other": TenantGrant("other", frozenset({"owner"})),
        "sre": OperatorGrant(frozenset({"observer"})),
    },
)


def test_claims_name_a_tenant_and_roles_in_it() -> None:
    claims = {"sendopt_tenant": "acme", "sendopt_roles": ["analyst"]}
    assert grant_of(claims, BY_NAME) == ANALYST
    assert grant_of({**claims, "sendopt_roles": "analyst"}, BY_NAME) == ANALYST


def test_groups_of_the_issuer_give_what_a_setting_says() -> None:
    claims = {"sendopt_tenant": "other", "sendopt_roles": ["owner"], "groups": ["push-analysts"]}
    assert grant_of(claims, BY_VALUE) == ANALYST
    both = {"groups": ["push-analysts", "push-money", "staff"]}
    assert grant_of(both, BY_VALUE) == TenantGrant("acme", frozenset({"analyst", "finance"}))
    assert grant_of({"groups": "sre"}, BY_VALUE) == OperatorGrant(frozenset({"observer"}))


@pytest.mark.parametrize(
    ("rules", "claims", "why"),
    [
        (BY_NAME, {}, "no_role"),
        (BY_NAME, {"sendopt_tenant": "acme"}, "no_role"),
        (BY_NAME, {"sendopt_tenant": "acme", "sendopt_roles": []}, "no_role"),
        (BY_NAME, {"sendopt_tenant": ["acme"], "sendopt_roles": ["analyst"]}, "no_role"),
        (BY_NAME, {"sendopt_tenant": "acme", "sendopt_roles": ["analyst", 1]}, "no_role"),
        (BY_NAME, {"sendopt_tenant": "acme", "sendopt_roles": ["a"] * 65}, "no_role"),
        (BY_NAME, {"sendopt_roles": ["analyst"]}, "no_role"),
        (BY_VALUE, {"groups": ["staff"]}, "no_role"),
        (BY_VALUE, {"groups": {"push-analysts": True}}, "no_role"),
        (BY_VALUE, {"groups": ["push-analysts", "push-other"]}, "roles_of_several_tenants"),
        (BY_VALUE, {"groups": ["push-analysts", "sre"]}, "roles_of_several_tenants"),
    ],
)
def test_claims_that_give_nothing(rules: ClaimRules, claims: dict[str, Any], why: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        grant_of(claims, rules)
    assert refused.value.reason == why
