"""Settings of the issuer whose access tokens are believed."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from sendopt.errors import InvalidInput
from sendopt.section import Section, json_object, names


def _issuer(url: str) -> str:
    """Refuse an issuer whose keys anybody on the way could exchange for others."""
    parts = urlsplit(url)
    here = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if url and not (parts.scheme == "https" and parts.hostname) and not here:
        raise InvalidInput(
            "should be the https URL of the issuer, as its tokens say it in `iss`",
            code="setting_invalid",
        )
    return url


def _audience(audience: str, info: ValidationInfo) -> str:
    if info.data.get("issuer") and not audience:
        raise InvalidInput(
            "should say for whom the issuer's tokens are, as they do in `aud`: else one that was "
            "made for another service would open this one",
            code="setting_invalid",
        )
    return audience


class GrantSettings(Section):
    """Roles in one tenant, or roles of operators."""

    tenant: str = ""  # empty = of operators
    roles: Annotated[tuple[str, ...], Field(min_length=1)]


class OidcSettings(Section):
    """Whose access tokens open the API beside keys: docs/access.md."""

    issuer: Annotated[str, AfterValidator(_issuer)] = ""  # of OpenID Connect; empty = keys alone
    audience: Annotated[str, Field(validate_default=True), AfterValidator(_audience)] = ""
    algorithms: Annotated[
        tuple[Literal["RS256", "ES256", "EdDSA"], ...],
        BeforeValidator(names),
        Field(min_length=1),
    ] = ("RS256",)
    tenant_claim: str = "sendopt_tenant"  # the claim that names the tenant
    roles_claim: str = "sendopt_roles"  # the claim that names roles in it, one or a list
    # By value of roles_claim, where that holds groups: {"push-team": {"tenant": "shop", "roles":
    # ["analyst"]}, "sre": {"roles": ["observer"]}}. Without a tenant the roles are of operators.
    grants: Annotated[dict[str, GrantSettings], BeforeValidator(json_object)] = Field(
        default_factory=dict
    )
