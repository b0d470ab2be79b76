"""The one door for whatever a request carries: who speaks, and what they may do."""

from __future__ import annotations

from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING

import structlog

from sendopt.app.key_uses import KeyUses
from sendopt.app.stores import Stores
from sendopt.errors import InvalidInput, NotAuthorized, NotFound, Overloaded
from sendopt.identity import device_token
from sendopt.identity.grants import OperatorGrant, grant_of
from sendopt.identity.refusal import IssuerAway, TokenRefused
from sendopt.records import (
    DevicePrincipal,
    OperatorPermission,
    OperatorPrincipal,
    OperatorRole,
    Permission,
    Principal,
    TenantId,
)
from sendopt.state import api_keys, erased, operator_keys, roles, tenants, users

if TYPE_CHECKING:
    from sendopt.app.issuer import Issuer
    from sendopt.identity.access_token import Claims

#: Whoever a bearer token can name; types keep apart what each may be given.
Speaker = Principal | OperatorPrincipal | DevicePrincipal

_OF_A_KEY = "so_"

_log = structlog.get_logger(__name__)


class Authentication:
    """Knows keys of tenants and operators, tokens of browsers, and those of an issuer.

    Args:
        stores: of the whole process.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._key_uses = KeyUses()

    def speaker(self, bearer: str) -> Speaker:
        """Return who speaks.

        Raises:
            NotAuthorized: whatever is wrong with it; the log says what, where that is not plain.
            Overloaded: it is an issuer's whose keys are not known yet, or no more.
        """
        if bearer.startswith(operator_keys.PREFIX):
            with self._stores.state.read_fleet() as tx:
                return operator_keys.authenticate(tx, bearer, now=self._stores.clock.now())
        try:
            if bearer.startswith(device_token.PREFIX):
                return self._device(bearer)
            if self._is_of_the_issuer(bearer):
                return self._person(self._issuer.read(bearer))
        except IssuerAway as away:
            _log.warning("token_not_judged", reason=away.reason)
            raise Overloaded(
                "the keys of the issuer, by which its tokens are judged, are not known now",
                hint="repeat it after Retry-After; nothing of it was begun",
            ) from None
        except TokenRefused as refused:
            _log.info("token_refused", reason=refused.reason)
            raise NotAuthorized("no valid token was given") from None
        return self._program(bearer)

    def renewal(self, bearer: str) -> Future[None] | None:
        """Return what to wait for before `speaker`, which waits for no issuer; None = nothing."""
        if not self._is_of_the_issuer(bearer):
            return None
        try:
            return self._issuer.renewal(bearer)
        except TokenRefused:  # as `speaker` will say
            return None

    def _is_of_the_issuer(self, bearer: str) -> bool:
        return bool(self._stores.settings.oidc.issuer) and not bearer.startswith(_OF_A_KEY)

    @cached_property
    def _issuer(self) -> Issuer:
        from sendopt.app.issuer import Issuer

        return Issuer(self._stores.settings.oidc, self._stores.clock)

    def _program(self, key: str) -> Principal:
        now = self._stores.clock.now()
        with self._stores.state.read_fleet() as tx:
            known = api_keys.authenticate(tx, key, now=now)
        self._key_uses.note(self._stores.state, known, at=now)
        return known.principal

    def _device(self, token: str) -> DevicePrincipal:
        try:
            signer = self._stores.device_token_signer
            said = signer.read(token, now=self._stores.clock.now())
        except InvalidInput as error:  # the keys of the home cannot be read
            raise TokenRefused(error.code) from error
        with self._stores.state.read(said.tenant_id) as tx:
            try:
                users.get(tx, said.user_id)
            except NotFound as error:  # erased since
                raise TokenRefused(error.code) from error
            if erased.asked_since(tx, said.user_id, said.issued_at):  # and readmitted
                raise TokenRefused("user_erased")
        return DevicePrincipal(said.tenant_id, said.user_id, said.expires_at)

    def _person(self, claims: Claims) -> Principal | OperatorPrincipal:
        grant = grant_of(claims.claims, self._issuer.rules)
        actor = f"oidc:{claims.subject}"
        names = sorted(grant.roles)
        if isinstance(grant, OperatorGrant):
            if not grant.roles <= {*OperatorRole}:
                raise TokenRefused("role_unknown")
            held = [OperatorPrincipal.of(actor, OperatorRole(name)) for name in names]
            permissions = frozenset[OperatorPermission]().union(
                *(each.permissions for each in held)
            )
            return OperatorPrincipal(
                actor, ", ".join(names), permissions, ends_at=claims.expires_at
            )
        tenant_id = TenantId(grant.tenant_id)
        with self._stores.state.read(tenant_id) as tx:
            try:
                tenants.get(tx)
                held_by_roles = [roles.get(tx, name).permissions for name in names]
            except NotFound as error:
                raise TokenRefused(error.code) from error
        return Principal(
            tenant_id,
            actor,
            ", ".join(names),
            frozenset[Permission]().union(*held_by_roles),
            ends_at=claims.expires_at,
        )
