"""What one check of the gate found: passed, failed, or not judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_JUDGED = "not judged"  # the log, or who is there to compare with, cannot tell


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str
    outcome: Outcome
    said: str  # one sentence with its figures; of one that was not judged, why
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether it was judged, and found right."""
        return self.outcome is Outcome.PASSED

    @property
    def failed(self) -> bool:
        """Whether it was judged, and found wrong."""
        return self.outcome is Outcome.FAILED

    @property
    def judged(self) -> bool:
        """Whether anything was there to judge by."""
        return self.outcome is not Outcome.NOT_JUDGED


def passed(name: str, said: str, figures: Mapping[str, float] | None = None) -> Check:
    """Say that a check was passed."""
    return Check(name, Outcome.PASSED, said, figures or {})


def failed(name: str, said: str, figures: Mapping[str, float] | None = None) -> Check:
    """Say that a check was failed."""
    return Check(name, Outcome.FAILED, said, figures or {})


def not_judged(name: str, why: str, figures: Mapping[str, float] | None = None) -> Check:
    """Say that nothing was there to judge by, and what is missing."""
    return Check(name, Outcome.NOT_JUDGED, why, figures or {})


def no_probabilities(name: str) -> Check:
    """Fail a check because the model says no probabilities: that is its own fault."""
    return failed(name, "what it says are no probabilities")
