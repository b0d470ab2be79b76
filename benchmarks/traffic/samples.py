"""Figures of a run, interval by interval."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from traffic.client import Answer
from traffic.usage import Usage


@dataclass
class Interval:
    """What was answered since the last sample."""

    good: int = 0
    refused: int = 0
    failed: int = 0
    health: list[float] = field(default_factory=list)  # seconds of each answer

    good_seconds: list[float] = field(default_factory=list)

    def note(self, answer: Answer) -> None:
        self.good += answer.good
        if answer.good:
            self.good_seconds.append(answer.seconds)
        self.refused += answer.refused
        self.failed += not answer.good and not answer.refused


@dataclass(frozen=True)
class Sample:
    """One row of the table and one point of each curve."""

    minutes: float  # since the traffic began
    usage: Usage
    length: float  # seconds
    interval: Interval

    @property
    def health_p99(self) -> float:
        """Milliseconds."""
        return percentile(self.interval.health, 0.99) * 1000

    @property
    def goodput(self) -> float:
        return self.interval.good / self.length

    @property
    def refused(self) -> float:
        return self.interval.refused / self.length


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share of them lies (nearest rank); NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def totals(samples: list[Sample]) -> Counter[str]:
    found: Counter[str] = Counter()
    for sample in samples:
        found["good"] += sample.interval.good
        found["refused"] += sample.interval.refused
        found["failed"] += sample.interval.failed
    return found
