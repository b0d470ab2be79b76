"""What is said of a user, and when the user is likely to answer."""

from __future__ import annotations

from datetime import datetime

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.records import FallbackReason


class HourOfWeek(Answer):
    """One hour of a user's local week."""

    day_of_week: int
    """0 = Monday."""
    hour: int
    open_probability: float | None


class BestTimes(Answer):
    """The hours at which a user is most likely to open, best first."""

    model_config = shown_as(
        {
            "user_id": "user-7",
            "timezone": "Europe/Vienna",
            "slots": [{"day_of_week": 0, "hour": 18, "open_probability": 0.31}],
            "model_version": "1f0c5a2b8e103f0c",
            "fallback_reason": None,
        }
    )

    user_id: str
    timezone: str
    slots: list[HourOfWeek]
    model_version: str | None
    fallback_reason: FallbackReason | None
    """Why the champion did not speak; null = it did."""


class User(Answer):
    """A user as the tenant has described it, and whether it wants nothing more."""

    model_config = shown_as(
        {"user_id": "user-7", "timezone": "Europe/Vienna", "opted_out_at": None}
    )

    user_id: str
    timezone: str | None
    """The profile's; a device may know better."""
    opted_out_at: datetime | None
