"""How much a tenant sends to one user, and how fast to all."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sendopt.records.device import Channel


class MessageClass(StrEnum):
    """What a message is to its user, which tells the limits that hold for it."""

    MARKETING = "marketing"  # chosen by the tenant: every limit holds
    TRANSACTIONAL = "transactional"  # owed to the user: no cap, gap or budget holds, nor counts it
    URGENT = "urgent"  # owed at once: as transactional, and it goes before all others


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most so many marketing messages to one user in any window of this length.

    The window rolls: whichever instant it begins at, the half-open time `[t, t + within)` holds at
    most `at_most` of them. Messages of all campaigns count together.
    """

    at_most: int  # >= 1
    within: timedelta
    message_type: str | None = None  # only messages of this type count; None = all


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many messages may fall due in a minute: what a provider, or the tenant's shop, bears."""

    per_minute: int  # >= 1
    channel: Channel | None = None  # None = over all channels


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """A tenant's limits over all campaigns, in force until the next version."""

    version: int = 0  # 0 = the tenant never said any
    caps: tuple[FrequencyCap, ...] = ()
    least_gap: timedelta | None = None  # between two marketing messages to one user
    weekly_budget: int | None = None  # marketing messages to one user in any seven days
    capacities: tuple[Capacity, ...] = ()
    message_cost: float = 0.0  # of sending one, in expected responses: 0.01 = a hundredth of one
    no_send_share: float = 0.0  # of marketing messages kept back to measure what sending does
    legal_hours: bool = False  # whether the quiet hours of the law where a user lives hold too

    def capacities_on(self, channels: Collection[Channel]) -> list[Capacity]:
        """Return the capacities of which messages on these channels take a part."""
        return [
            each for each in self.capacities if each.channel is None or each.channel in channels
        ]


#: Of a tenant that has said none.
NO_LIMITS = SendingLimits()
