"""What is said of limits over campaigns, and of campaigns that are planned together."""

from __future__ import annotations

from datetime import datetime

from sendopt.api.schemas.answer import Answer, shown_as


class LimitCost(Answer):
    """What one limit costs beside all others, as an interval: no plan is known to be the best."""

    limit: str
    """In words."""
    kind: str
    at_least: float
    """Expected responses that a plan without the limit has more."""
    at_most: float
    message_count: int
    """Messages that it keeps from their own best time, or keeps back."""
    median_loss: float
    """Of these messages, in expected responses: what one more, or one in time, would be worth."""
    greatest_loss: float


class CapacityUse(Answer):
    """What some minutes take of a channel's messages, and what is planned for them."""

    begins_at: datetime
    minutes: int
    channel: str
    takes: int
    """Beside what falls due already."""
    planned_count: int


class Conflict(Answer):
    """Two campaigns for the same users, and which messages to these gave way."""

    campaign_ids: tuple[str, str]
    shared_count: int
    """Users who are in both."""
    moved_counts: tuple[int, int]
    """Messages to them that are not at their own best time, or end."""
    lost: tuple[float, float]
    """Expected responses that these gave up."""


class LimitsReport(Answer):
    """What limits over all campaigns do to those that are planned.

    Responses are weighed by `response_value`, and less what messages cost. They are predicted from
    past behaviour, not measured.
    """

    model_config = shown_as(
        {
            "version": 2,
            "expected": 412.6,
            "best_possible": 412.7,
            "costs": [
                {
                    "limit": "4h between messages to a user",
                    "kind": "least_gap",
                    "at_least": 3.1,
                    "at_most": 3.3,
                    "message_count": 140,
                    "median_loss": 0.018,
                    "greatest_loss": 0.11,
                }
            ],
            "capacity": [
                {
                    "begins_at": "2026-10-25T17:00:00Z",
                    "minutes": 60,
                    "channel": "web_push",
                    "takes": 600,
                    "planned_count": 600,
                }
            ],
            "conflicts": [
                {
                    "campaign_ids": ["autumn-sale", "new-shoes"],
                    "shared_count": 210,
                    "moved_counts": [12, 188],
                    "lost": [0.4, 9.7],
                }
            ],
        }
    )

    version: int
    """Of the tenant's limits."""
    expected: float
    best_possible: float
    """No plan within the limits expects more."""
    costs: list[LimitCost]
    capacity: list[CapacityUse]
    """In order of time; empty = no minute is limited."""
    conflicts: list[Conflict]
