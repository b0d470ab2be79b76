"""Claims whose lease ends later than any lease can: clocks were set back since they were made."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta

from sendopt.records import SendId, TenantId

#: A tenant, a send, and the fence that its claim has raised.
Claim = tuple[TenantId, SendId, int]


class ClaimsOfTheFuture:
    """Watches such claims by a clock that is never set, and says which of them are over.

    A dispatcher that is at work renews its claim, raises its fence or ends it within a lease. One
    whose claim has been there, unchanged, for a whole lease is dead, whatever the wall clock says.

    Args:
        lease: how long a claim holds.
        monotonic: seconds that never run backwards.
    """

    def __init__(self, lease: timedelta, monotonic: Callable[[], float]) -> None:
        self._lease = lease.total_seconds()
        self._monotonic = monotonic
        self._seen_at: dict[Claim, float] = {}

    def over(self, claims: Collection[Claim]) -> list[Claim]:
        """Return those of `claims`, all that there are now, that have been seen for a lease."""
        now = self._monotonic()
        self._seen_at = {claim: self._seen_at.get(claim, now) for claim in claims}
        return [claim for claim, seen_at in self._seen_at.items() if now - seen_at >= self._lease]
