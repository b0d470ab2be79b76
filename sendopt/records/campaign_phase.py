"""How far a campaign has come."""

from __future__ import annotations

from enum import StrEnum


class CampaignPhase(StrEnum):
    """How far a campaign has come; each is in exactly one phase."""

    DRAFT = "draft"  # can be edited, and nothing of it goes out
    COMMITTED = "committed"  # goes out, or waits for its times
    PAUSED = "paused"  # nothing of it goes out until it is resumed
    CANCELLED = "cancelled"  # for good
    ENDED = "ended"  # its window is over, and each of its sends has ended
