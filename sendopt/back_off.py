"""How long to wait before the next try: exponential back-off with full jitter.

Full jitter spreads a crowd that failed together over the whole interval
(aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter).
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

_HASH_RANGE = 2**64


def back_off(who: str, failures: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return how long `who` waits after so many failures in a row, 1 or more.

    The jitter is a hash of both: the same history gives the same times.

    Args:
        who: whoever tries; others wait for other times.
        failures: in a row, the last one included.
        first: the longest wait after the first failure; doubles with every further one.
        longest: beyond which it does not grow.
    """
    doublings = min(failures - 1, 32)  # beyond it a timedelta would overflow
    return min(first * (1 << doublings), longest) * _jitter(who, failures)


def _jitter(who: str, failures: int) -> float:
    """Return a fraction in (0, 1] that only `who` and `failures` decide."""
    digest = hashlib.sha256(f"{who}:{failures}".encode()).digest()
    return (int.from_bytes(digest[:8]) + 1) / _HASH_RANGE
