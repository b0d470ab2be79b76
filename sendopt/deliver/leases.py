"""Judges the claims of others where a clock on the wall was set: forward, or back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from sendopt.clock import EARLIEST_AT, Clock
from sendopt.records import SendId, TenantId

#: A tenant, a send, and the fence that its claim has raised.
Claim = tuple[TenantId, SendId, int]

#: Looks in the time of a lease: a claim is found to be over so much of a lease late, at most.
_LOOKS = 20
#: A clock that is only kept right moves by less than this between two looks at it.
_KEPT_RIGHT = timedelta(seconds=1)


class ClaimsOfTheFuture:
    """Claims whose lease ends later than any lease can: clocks were set back since they were made.

    They are watched by a clock that is never set. A dispatcher that is at work renews its claim,
    raises its fence or ends it within a lease. One whose claim has been there, unchanged, for a
    whole lease is dead, whatever the wall clock says.

    Args:
        lease: how long a claim holds.
        clock: of which only what nobody sets is read.
    """

    def __init__(self, lease: timedelta, clock: Clock) -> None:
        self._lease = lease.total_seconds()
        self._clock = clock
        self._seen_at: dict[Claim, float] = {}
        self._looks_at = clock.monotonic()

    @property
    def wants_to_look(self) -> bool:
        """Whether it is time to say again which claims there are."""
        return self._clock.monotonic() >= self._looks_at

    def over(self, claims: Collection[Claim]) -> list[Claim]:
        """Return those of `claims`, all that there are now, that have been seen for a lease."""
        now = self._clock.monotonic()
        self._looks_at = now + self._lease / _LOOKS
        self._seen_at = {claim: self._seen_at.get(claim, now) for claim in claims}
        return [claim for claim, seen_at in self._seen_at.items() if now - seen_at >= self._lease]


class StepsForward:
    """By how much the clock on the wall was set forward within the last lease.

    Then the claim of a dispatcher that is at work looks as if it were over. So for a lease after
    the step claims are judged by what the clock would show without it; every claim that was made
    before is over by then, or was ended. A process that starts after the step knows nothing of it.

    Args:
        lease: how long a claim holds.
        clock: whose hands may be set.
    """

    def __init__(self, lease: timedelta, clock: Clock) -> None:
        self._lease = lease.total_seconds()
        self._clock = clock
        self._ahead = self._measure()
        self._steps: list[tuple[float, timedelta]] = []

    def total(self) -> timedelta:
        """Look at the clock, and return how far it was set forward; call it often."""
        before, self._ahead = self._ahead, self._measure()
        now, step = self._clock.monotonic(), self._ahead - before
        if step > _KEPT_RIGHT:
            self._steps.append((now, step))
        self._steps = [(at, each) for at, each in self._steps if now - at <= self._lease]
        return sum((each for _, each in self._steps), timedelta(0))

    def _measure(self) -> timedelta:
        running = timedelta(seconds=self._clock.monotonic())
        return self._clock.now() - EARLIEST_AT - running
