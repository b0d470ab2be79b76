"""What is known of a wording."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.ids import VariantId


@dataclass(frozen=True, slots=True)
class VariantAnswers:
    """Sends of one wording that were due at one instant in one zone, weighed by 1 / chance."""

    variant_id: VariantId  # as the campaign that asks calls the wording
    due_at: datetime
    timezone: str
    weight: float  # sum of w = 1 / P(this variant | this time)
    squared_weight: float  # sum of w^2
    answered_weight: float  # sum of w over the answered
