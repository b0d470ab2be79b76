"""What the level-shape model believes before it has seen anybody, and how much it trusts what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class LevelShape:
    """What the model believes before it has seen anybody; counts are decayed events."""

    half_life_days: float
    activity_bandwidth_hours: float  # of everybody's density of sessions
    activity_prior: float  # sessions that know a user's hours as well as everybody's do
    population_day_type_prior: float  # sessions after which everybody's weekend differs
    activity_trust: float  # answers of everybody that say as much as so many sessions
    send_bandwidth_hours: float
    deviation_sd: float  # of a user's own hours from everybody's, on the logit scale
    deviation_length_hours: float  # over which the smooth half of such a deviation changes
    level_sd: float  # of users' levels, on the logit scale
    population_prior_sends: float  # near an hour: with so many, what it says counts half
    population_sd: float  # of everybody's hours from each other, on the logit scale
    population_length_hours: float
    population_day_type_sd: float  # of everybody's weekend from their weekday
    segment_level_sd: float  # of a platform's or a message type's answers from everybody's
    segment_sd: float  # of its hours from everybody's
    # Learned.
    activity_weight: float = 1.0  # 0 where activity tells nothing of answering, -1 where against it
    everybodys_activity: float = 1.0  # 0 where answers alone tell more of everybody's hours
    late_weight: float = 0.0  # of the hours of late answers; learned, 0 where they tell nothing
    by_promptness: bool = True  # False where how soon answers came was not found to tell of hours

    @property
    def half_life(self) -> timedelta:
        """After so long an event counts half."""
        return timedelta(days=self.half_life_days)
