"""What a plan rests on: what was said of candidate times, and what earlier sends taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sendopt.records import FallbackReason, Score, ServedBy, UserId
from sendopt.schedule.variants import VariantBelief

Scores = Mapping[UserId, Mapping[datetime, Score]]


@dataclass(frozen=True)
class Forecast:
    """How likely each candidate time is, and whose word that is."""

    scores: Scores  # by user and candidate instant
    model_version: str | None  # None = no model spoke
    log_snapshot: int | None  # the log as that model saw it
    fallback_reason: FallbackReason | None  # why the champion did not speak; None = it did
    served_by: ServedBy = ServedBy.CHAMPION


@dataclass(frozen=True)
class PastOutcomes:
    """What earlier sends taught."""

    #: Sends of the last 30 days that left a user's best slot, where not 0.
    explored_counts: Mapping[UserId, int] = field(default_factory=dict)
    belief: VariantBelief | None = None  # of the variants; None = nothing, they share evenly
