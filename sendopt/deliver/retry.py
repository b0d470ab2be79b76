"""When to try again, and when to stop trying."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sendopt.records import Retry, SendId

_HASH_RANGE = 2**64


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter.

    Full jitter spreads a crowd that failed together over the whole interval
    (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
    """

    first: timedelta  # the longest wait after the first attempt; doubles with every further one
    longest: timedelta
    max_attempts: int  # the first one counts

    def delay(self, send_id: SendId, attempts: int, retry: Retry) -> timedelta:
        """Return how long to wait after attempt number `attempts` came to `retry`.

        Never shorter than what the provider asked for; the jitter comes on top, so that those who
        were sent away together do not come back together. The jitter is a hash of the send and
        the attempt: the same history gives the same times.
        """
        doublings = min(attempts - 1, 32)  # beyond it a timedelta would overflow
        longest = min(self.first * (1 << doublings), self.longest)
        return (retry.after or timedelta(0)) + longest * _jitter(send_id, attempts)


def _jitter(send_id: SendId, attempts: int) -> float:
    """Return a fraction in (0, 1] that only `send_id` and `attempts` decide."""
    digest = hashlib.sha256(f"{send_id}:{attempts}".encode()).digest()
    return (int.from_bytes(digest[:8]) + 1) / _HASH_RANGE
