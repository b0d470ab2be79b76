"""The issuer whose access tokens are believed, as the settings name it."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import timedelta

from sendopt import outgoing
from sendopt.clock import Clock
from sendopt.identity import access_token
from sendopt.identity.access_token import Claims, Expected
from sendopt.identity.grants import ClaimRules, OperatorGrant, TenantGrant
from sendopt.identity.issuer_keys import IssuerKeys
from sendopt.oidc_settings import OidcSettings

#: Beyond it the issuer counts as away.
_TIMEOUT = timedelta(seconds=5)
_MOST_BYTES = 256 * 1024


class Issuer:
    """Reads its tokens, and knows which claims give what.

    Args:
        settings: which issuer, and what its tokens must be like.
        clock: what time it is.
    """

    def __init__(self, settings: OidcSettings, clock: Clock) -> None:
        self._clock = clock
        self._expected = Expected(settings.issuer, settings.audience, settings.algorithms)
        self._keys = IssuerKeys(
            lambda url: outgoing.get(url, timeout=_TIMEOUT, most_bytes=_MOST_BYTES),
            issuer=settings.issuer,
            algorithms=settings.algorithms,
            clock=clock,
        )
        self.rules = ClaimRules(
            settings.tenant_claim,
            settings.roles_claim,
            {
                value: TenantGrant(given.tenant, frozenset(given.roles))
                if given.tenant
                else OperatorGrant(frozenset(given.roles))
                for value, given in settings.grants.items()
            },
        )

    def renewal(self, token: str) -> Future[None] | None:
        """Begin to ask for keys if this token makes that due; what to wait for before `read`.

        Raises:
            TokenRefused: as `access_token.signed_by`.
        """
        return self._keys.renewal(*access_token.signed_by(token, self._expected))

    def read(self, token: str) -> Claims:
        """Return what a token says.

        Raises:
            TokenRefused: as `access_token.read`.
        """
        return access_token.read(token, self._expected, self._keys, now=self._clock.now())
