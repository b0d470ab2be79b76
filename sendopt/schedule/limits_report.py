"""What limits over campaigns do to a plan: what each costs, and who loses to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records import CampaignId, Channel


@dataclass(frozen=True, slots=True)
class LimitCost:
    """What one limit costs beside all others: expected responses that a plan without it has more.

    No plan is known to be the best one, only how far it may be from that: so it is an interval.
    What single messages lose is the price of the limit for their users: so much one more would be
    worth, or one at a better time.
    """

    limit: str  # in words
    kind: str  # an Exclusion
    at_least: float
    at_most: float
    message_count: int  # that it keeps from their own best time, or keeps back
    median_loss: float  # of these, in expected responses; 0 where there are none
    greatest_loss: float


@dataclass(frozen=True, slots=True)
class CapacityUse:
    """What some minutes take of a channel's messages, and what is planned for them."""

    begins_at: datetime
    minutes: int
    channel: Channel
    takes: int  # beside what falls due already
    planned_count: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two campaigns for the same users, and which messages to these gave way."""

    campaign_ids: tuple[CampaignId, CampaignId]
    shared_count: int  # users
    moved_counts: tuple[int, int]  # messages to them that are not at their own best time, or end
    lost: tuple[float, float]  # expected responses that these gave up


@dataclass(frozen=True, slots=True)
class LimitsReport:
    """What limits over all campaigns do to those that are planned.

    Responses are weighed by `response_value`, and less what messages cost. They are predicted from
    past behaviour, not measured.
    """

    version: int  # of the tenant's limits
    expected: float  # responses
    best_possible: float  # no plan within the limits expects more
    costs: tuple[LimitCost, ...]
    capacity: tuple[CapacityUse, ...]  # in order of time; empty = nothing is limited
    conflicts: tuple[Conflict, ...]
