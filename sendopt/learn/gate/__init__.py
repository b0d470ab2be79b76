"""Decide whether a challenger may serve.

Owns: the named checks that a model must pass, and their words.
Does not own: how a model is trained (fit), what judging measures (judge), who serves (registry).
In: a Trial.  Out: a GateReport, one Check a name.
Every check is made, also after one has failed: whoever mends a model wants all of the list.
"""

from __future__ import annotations

from dataclasses import dataclass

from sendopt.learn.gate import honesty, slices, soundness, succession, worth
from sendopt.learn.gate.rivals import fault_of
from sendopt.learn.gate.stand_in import stand_ins
from sendopt.learn.gate.trial import Check, Trial, are_probabilities, rows_at

__all__ = [
    "Check",
    "GateReport",
    "Trial",
    "are_probabilities",
    "examine",
    "fault_of",
    "rows_at",
    "stand_ins",
]


@dataclass(frozen=True)
class GateReport:
    """Every check, in the order in which they were made."""

    checks: tuple[Check, ...]

    @property
    def refused_by(self) -> tuple[str, ...]:
        """The names of the checks that failed."""
        return tuple(check.name for check in self.checks if not check.passed)

    @property
    def passed(self) -> bool:
        """Whether the model may serve."""
        return not self.refused_by

    @property
    def summary(self) -> str:
        """`passed`, or the names of the checks that failed."""
        return ", ".join(self.refused_by) or "passed"

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        if self.passed:
            found = next(check for check in self.checks if check.name == "succession")
            return f"passed all {len(self.checks)} checks; {found.said}"
        first = next(check for check in self.checks if not check.passed)
        others = self.refused_by[1:]
        also = f"; refused also by {', '.join(others)}" if others else ""
        return f"refused by {first.name}: {first.said}{also}"

    @property
    def figures(self) -> dict[str, float]:
        """Every figure as `gate.<check>.<name>`, and 1 or 0 as `gate.<check>`."""
        found: dict[str, float] = {}
        for check in self.checks:
            found[f"gate.{check.name}"] = float(check.passed)
            for name, value in check.figures.items():
                found[f"gate.{check.name}.{name}"] = float(value)
        return found


def examine(trial: Trial) -> GateReport:
    """Make every check on `trial`."""
    parts = (honesty, soundness, worth, succession, slices)
    return GateReport(tuple(check for part in parts for check in part.checks(trial)))
