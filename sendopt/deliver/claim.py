"""How much a dispatcher takes on at once, for how long, and how often it looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ClaimPolicy:
    """How due sends are claimed."""

    lease: timedelta  # how long a claim holds; well above what a provider takes for a batch
    batch: int  # how many sends are claimed at once
    poll: timedelta = timedelta(seconds=1)  # the longest time without looking for new sends
