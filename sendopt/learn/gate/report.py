"""All that the gate found of one model, and whether that lets it serve."""

from __future__ import annotations

from dataclasses import dataclass

from sendopt.learn.gate.check import Check
from sendopt.learn.gate.slices import SLICES

#: The checks that a model may serve without, where the log or the circumstances leave nothing to
#: judge by. Every other check must be passed.
MAY_GO_UNJUDGED = frozenset(
    {
        "choice",  # nobody was seen to answer and be silent; the log loss holds it
        "probability",  # a simple rule that stands in where no champion is
        "off_policy",  # few senders draw their times and log the chance
        "succession",  # the champion predicts another outcome or window, or is too old
        "reproducible",  # too much history to learn from twice
        *(f"slice_{cut}" for cut in SLICES),  # parts too small to tell, or nobody to compare with
    }
)


@dataclass(frozen=True)
class GateReport:
    """Every check, in the order in which they were made."""

    checks: tuple[Check, ...]

    @property
    def refused_by(self) -> tuple[str, ...]:
        """The names of the checks that keep the model from serving.

        They failed, or were not judged and are none of MAY_GO_UNJUDGED.
        """
        return tuple(
            check.name
            for check in self.checks
            if check.failed or (not check.judged and check.name not in MAY_GO_UNJUDGED)
        )

    @property
    def not_judged(self) -> tuple[Check, ...]:
        """The checks that had nothing to judge by."""
        return tuple(check for check in self.checks if not check.judged)

    @property
    def passed(self) -> bool:
        """Whether the model may serve."""
        return not self.refused_by

    @property
    def summary(self) -> str:
        """`passed`, or the names of the checks that refused it; then what was not judged."""
        summary = ", ".join(self.refused_by) or "passed"
        left = [check.name for check in self.not_judged if check.name not in self.refused_by]
        return f"{summary}; not judged: {', '.join(left)}" if left else summary

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        if not self.passed:
            refusals = [check for check in self.checks if check.name in self.refused_by]
            first, others = refusals[0], self.refused_by[1:]
            also = f"; refused also by {', '.join(others)}" if others else ""
            return f"refused by {first.name}: {first.said}{also}"
        succession = next(check for check in self.checks if check.name == "succession")
        if not self.not_judged:
            return f"passed all {len(self.checks)} checks; {succession.said}"
        left = ", ".join(check.name for check in self.not_judged)
        judged = len(self.checks) - len(self.not_judged)
        return (
            f"passed {judged} of {len(self.checks)} checks, not judged: {left}; {succession.said}"
        )

    @property
    def figures(self) -> dict[str, float]:
        """Every figure as `gate.<check>.<name>`, and 1 or 0 as `gate.<check>`.

        A check that was not judged has no 1 or 0.
        """
        figures: dict[str, float] = {}
        for check in self.checks:
            if check.judged:
                figures[f"gate.{check.name}"] = float(check.passed)
            for name, value in check.figures.items():
                figures[f"gate.{check.name}.{name}"] = float(value)
        return figures
