"""What the application answers to whoever asks for a user's best times."""

from __future__ import annotations

from dataclasses import dataclass

from sendopt.records import FallbackReason, UserId


@dataclass(frozen=True, slots=True)
class HourOfWeek:
    """One hour of a user's local week."""

    day_of_week: int  # 0 = Monday
    hour: int
    open_probability: float | None


@dataclass(frozen=True, slots=True)
class BestTimes:
    """The hours at which a user is most likely to open, best first."""

    user_id: UserId
    timezone: str
    slots: tuple[HourOfWeek, ...]
    model_version: str | None
    fallback_reason: FallbackReason | None  # why the champion did not speak; None = it did
