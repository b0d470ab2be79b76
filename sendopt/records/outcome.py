"""What a provider says to a message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sendopt.records.end_reason import EndReason


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took responsibility."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: overloaded, unreachable, or the outcome is unknown."""

    reason: str
    after: timedelta | None = None  # what the provider asked for (Retry-After)


@dataclass(frozen=True, slots=True)
class DeadAddress:
    """The device is gone; forget it."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class Permanent:
    """This message will never be accepted; the device may be fine."""

    reason: EndReason


Outcome = Accepted | Retry | DeadAddress | Permanent
