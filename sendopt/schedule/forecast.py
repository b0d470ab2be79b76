"""What a plan rests on: what was said of candidate times, and what earlier sends taught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sendopt.records import FallbackReason, Policy, ServedBy, UserId
from sendopt.schedule.scored import Scored
from sendopt.schedule.variants import VariantBelief


@dataclass(frozen=True)
class Forecast:
    """How likely each candidate time is, and whose word that is."""

    scored: Sequence[Scored]  # everybody who may be reached, each once
    model_version: str | None  # None = no model spoke
    log_snapshot: int | None  # the log as that model saw it
    fallback_reason: FallbackReason | None  # why the champion did not speak; None = it did
    served_by: ServedBy = ServedBy.CHAMPION
    #: By the simple rules that arms go by: how good each local hour is for each member of the
    #: audience, (members, 24). A rule without an entry knows too little.
    hours: Mapping[Policy, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class PastOutcomes:
    """What earlier sends taught."""

    #: Sends of the last 30 days that left a user's best slot, where not 0.
    explored_counts: Mapping[UserId, int] = field(default_factory=dict)
    belief: VariantBelief | None = None  # of the variants; None = nothing, they share evenly
