"""What choosing the time was worth."""

from __future__ import annotations

from datetime import date, datetime
from math import isfinite
from typing import Annotated

from pydantic import BeforeValidator

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.evaluate.arm_lift import Direction
from sendopt.evaluate.lift import Conclusion
from sendopt.records import EventType


def _bounded(value: float) -> float | None:
    """Return what JSON has a number for."""
    return value if isfinite(value) else None


_CONTRAST = {
    "arm": 0.31,
    "against": 0.27,
    "difference": {"estimate": 0.04, "low": 0.01, "high": 0.07},
    "relative": {"estimate": 0.148, "low": 0.03, "high": 0.27},
}
_SILENT = {"arm": 0.001, "against": 0.001, "difference": None, "relative": None}
_COMPARISON = {
    "arm": "optimised",
    "against": "configured",
    "label": "causal",
    "conclusion": "better",
    "users": {"optimised": 7000, "configured": 1000},
    "sends": {"optimised": 7000, "configured": 1000},
    "answered": _CONTRAST,
    "dismissed": _SILENT,
    "opted_out": _SILENT,
    "adjusted": True,
    "ratio_p_value": 0.7,
    "warning": None,
    "refusal": None,
    "weeks": [
        {
            "begins_on": "2026-10-19",
            "sends": {"optimised": 7000, "configured": 1000},
            "answered": _CONTRAST,
            "conclusion": "better",
        }
    ],
    "trend": None,
}

Bound = Annotated[float | None, BeforeValidator(_bounded)]


class Interval(Answer):
    """An estimate with its 95 % interval; users, not rows, are its unit."""

    estimate: float
    low: Bound
    """null = of so few users nothing bounds it."""
    high: Bound


class Contrast(Answer):
    """A share in both arms; the intervals are 95 % at all looks together."""

    optimised: float
    holdout: float
    difference: Interval | None
    """null = too few users or answers for an interval."""
    relative: Interval | None
    """Of the holdout's share; null also where that may be 0."""


class Needed(Answer):
    """How much more would tell an effect of this size from 0, with 80 % probability."""

    effect: float
    """Absolute difference of shares."""
    more_sends: dict[str, int]
    """By arm, to further users like these."""
    same_users_suffice: bool
    """False = these users differ too much, however often they are sent to."""


class Lift(Answer):
    """An experiment's result so far."""

    conclusion: Conclusion
    users: dict[str, int]
    """By arm."""
    sends: dict[str, int]
    """By arm, the suppressed ones too."""
    answered: Contrast
    dismissed: Contrast
    opted_out: Contrast
    harm: list[str]
    """Which of `dismissed` and `opted_out` the optimisation makes worse."""
    adjusted: bool
    """For how the users answered before."""
    ratio_p_value: float
    """Of the arms' sizes, had the draw gone right."""
    needed: Needed | None
    """null = too little is known even to say that."""
    label: str


class Refusal(Answer):
    """Why no number is given, and what would make one possible."""

    code: str
    """Stable snake_case identifier."""
    reason: str
    remedy: str


class ArmContrast(Answer):
    """A share in two arms; the intervals are 95 % at all looks together."""

    arm: float
    against: float
    difference: Interval | None
    """null = too few users or answers for an interval."""
    relative: Interval | None
    """Of the second arm's share; null also where that may be 0."""


class Week(Answer):
    """One week's campaigns, by themselves."""

    begins_on: date
    """A Monday, UTC: of the week in which their windows open."""
    sends: dict[str, int]
    """By arm."""
    answered: ArmContrast
    conclusion: Conclusion


class Trend(Answer):
    """A straight line through the weeks' differences."""

    change_per_week: Interval
    """Of the difference; 95 % at this look alone."""
    direction: Direction
    weeks: int
    label: str
    """What it speaks of, and what not."""


class Comparison(Answer):
    """What one arm did beside another."""

    arm: str
    against: str
    label: str
    """`causal`, or that the caller assigned the arms."""
    conclusion: Conclusion
    users: dict[str, int]
    """By arm."""
    sends: dict[str, int]
    """By arm, the suppressed ones too."""
    answered: ArmContrast | None
    """null = see `refusal`."""
    dismissed: ArmContrast | None
    opted_out: ArmContrast | None
    adjusted: bool
    """For how the users answered before."""
    ratio_p_value: float | None
    """Of the arms' sizes, had the draw gone right."""
    warning: str | None
    refusal: Refusal | None
    weeks: list[Week]
    """The full ones, oldest first."""
    trend: Trend | None
    """null = of too few weeks."""


class LiftReport(Answer):
    """What the optimisation was worth, pooled over campaigns, or why nobody can say."""

    model_config = shown_as(
        {
            "as_of": "2026-11-01T00:00:00Z",
            "outcome": "open",
            "window_seconds": 86400,
            "campaigns": ["autumn-sale"],
            "waiting": [],
            "compared_with": ["configured"],
            "share_unknown": [],
            "lift": {
                "conclusion": "better",
                "users": {"optimised": 9000, "holdout": 1000},
                "sends": {"optimised": 9000, "holdout": 1000},
                "answered": {
                    "optimised": 0.31,
                    "holdout": 0.27,
                    "difference": {"estimate": 0.04, "low": 0.01, "high": 0.07},
                    "relative": {"estimate": 0.148, "low": 0.03, "high": 0.27},
                },
                "dismissed": {
                    "optimised": 0.02,
                    "holdout": 0.02,
                    "difference": {"estimate": 0.0, "low": -0.01, "high": 0.01},
                    "relative": None,
                },
                "opted_out": {
                    "optimised": 0.001,
                    "holdout": 0.001,
                    "difference": None,
                    "relative": None,
                },
                "harm": [],
                "adjusted": True,
                "ratio_p_value": 0.7,
                "needed": None,
                "label": "causal",
            },
            "refusal": None,
            "last_full_week": "2026-10-19",
            "comparisons": [_COMPARISON],
        }
    )

    as_of: datetime
    outcome: EventType
    window_seconds: int
    """After the hand-over, within which an answer counts."""
    campaigns: list[str]
    """Counted."""
    waiting: list[str]
    """Whose last answer may still come."""
    compared_with: list[str]
    """When those held out were sent to: `configured`, `random`."""
    share_unknown: list[str]
    """Left out: nobody says any more how many were held out."""
    lift: Lift | None
    refusal: Refusal | None
    """Why there is no lift; exactly one of the two is given."""
    last_full_week: date | None
    """Its Monday, UTC; null = no week is over and answered yet."""
    comparisons: list[Comparison]
    """Every arm against every other, of holdouts and experiments."""
