"""Requests with an Idempotency-Key: carried out once, and answered the same again."""

from __future__ import annotations

from sendopt.app.stores import Stores
from sendopt.records import Principal
from sendopt.state import requests
from sendopt.state.requests import Claim, KeptAnswer


class Requests:
    """What was asked under which key, and what it came to.

    What a request asks for is refused to whoever may not, by whatever carries it out.

    Args:
        stores: of the whole process.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def begin(self, who: Principal, request_key: str, fingerprint: str) -> Claim | KeptAnswer:
        """Claim a request, or return what was answered to it before.

        Raises:
            InvalidInput: `idempotency_key_reused`.
            Conflict: `request_in_progress`, `already_issued`.
        """
        now = self._stores.clock.now()
        with self._stores.state.write(who.tenant_id) as tx:
            return requests.begin(tx, request_key, fingerprint=fingerprint, now=now)

    def keep(self, who: Principal, claim: Claim, answer: KeptAnswer) -> None:
        """Keep the answer to a request."""
        with self._stores.state.write(who.tenant_id) as tx:
            requests.keep(tx, claim, answer, now=self._stores.clock.now())

    def give_up(self, who: Principal, claim: Claim) -> None:
        """Let the next try begin at once."""
        with self._stores.state.write(who.tenant_id) as tx:
            requests.give_up(tx, claim, now=self._stores.clock.now())
