"""When to try again, and when to stop trying."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sendopt.back_off import back_off
from sendopt.records import Retry, SendId


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter, for as long as a message may be tried."""

    first: timedelta  # the longest wait after the first attempt; doubles with every further one
    longest: timedelta
    max_attempts: int  # the first one counts

    def delay(self, send_id: SendId, attempts: int, retry: Retry) -> timedelta:
        """Return how long to wait after attempt number `attempts` came to `retry`.

        Never shorter than what the provider asked for; the jitter comes on top, so that those who
        were sent away together do not come back together.
        """
        jittered = back_off(send_id, attempts, first=self.first, longest=self.longest)
        return (retry.after or timedelta(0)) + jittered
