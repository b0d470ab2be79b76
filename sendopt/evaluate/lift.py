"""What choosing the time was worth, from users who were held out at random.

Intention to treat: everybody counts in the arm that the draw gave them, sent or suppressed. The
campaigns are pooled, users are the unit, and intervals hold however often the report is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, sqrt

from sendopt.evaluate import arms, sequential
from sendopt.evaluate.arms import Estimate, HoldoutTrial
from sendopt.evaluate.chance import Vector, user_sums
from sendopt.evaluate.metrics import Interval
from sendopt.evaluate.refusal import Refusal

#: From where on the sizes of the arms do not fit their shares.
RATIO_ALPHA = 0.001
_ROUNDING = 1e-24  # a variance of nothing else: all users did the same, so nothing tells of others
_ARMS = (("optimised", True), ("holdout", False))


class Conclusion(StrEnum):
    """What may be said at this look."""

    BETTER = "better"
    WORSE = "worse"
    NOT_YET_KNOWN = "not_yet_known"


@dataclass(frozen=True)
class Contrast:
    """A share in both arms; the intervals are 95 % at all looks together."""

    optimised: float
    holdout: float
    difference: Interval | None  # None = too few users or answers for an interval
    relative: Interval | None  # of the holdout's share; None also where that may be 0


@dataclass(frozen=True)
class Needed:
    """How much more would tell an effect of this size from 0, with 80 % probability."""

    effect: float  # absolute difference of shares
    more_sends: Mapping[str, int]  # by arm, to further users like these
    same_users_suffice: bool  # False = these users differ too much, however often they are sent to


@dataclass(frozen=True)
class Lift:
    """An experiment's result so far."""

    conclusion: Conclusion
    users: Mapping[str, int]  # by arm
    sends: Mapping[str, int]  # by arm, the suppressed ones too
    answered: Contrast
    dismissed: Contrast
    opted_out: Contrast
    harm: tuple[str, ...]  # which of "dismissed" and "opted_out" the optimisation makes worse
    adjusted: bool  # for how the users answered before
    ratio_p_value: float  # of the arms' sizes, had the draw gone right
    needed: Needed | None  # None = too little is known even to say that
    label: str = "causal"


def report(trial: HoldoutTrial, *, effect: float, refuses_mismatch: bool = True) -> Lift | Refusal:
    """Compare the arms of `trial`.

    Args:
        trial: every send of the experiment whose outcome is known.
        effect: absolute difference of shares that would matter, above 0; for the plan ahead
            only: it does not touch the intervals, so it may change from look to look.
        refuses_mismatch: whether nothing is said where the sizes of the arms do not fit.
    """
    if len(trial) == 0:
        return _no_arms("no send of an experiment has a known outcome yet")
    if trial.optimised.all():
        return _no_arms("nobody was held out")
    if not trial.optimised.any():
        return _no_arms("everybody was held out")
    p_value = arms.assignment_p_value(trial)
    if refuses_mismatch and p_value < RATIO_ALPHA:
        return _mismatch(trial, p_value)
    trial = arms.comparable(trial)
    if len(trial) == 0:
        return _no_arms("nobody was held out with a chance with which others were not")
    answers = arms.compare(trial, trial.answered)
    known = arms.enough(trial, trial.answered)
    if known:
        answers = arms.adjust(trial, answers)
    answered = contrast(trial, trial.answered, answers)
    dismissed = contrast(trial, trial.dismissed, arms.compare(trial, trial.dismissed))
    opted_out = contrast(trial, trial.opted_out, arms.compare(trial, trial.opted_out))
    guards = {"dismissed": dismissed, "opted_out": opted_out}
    return Lift(
        conclusion=conclude(answered.difference),
        users={arm: trial.users(optimised=flag) for arm, flag in _ARMS},
        sends={arm: trial.sends(optimised=flag) for arm, flag in _ARMS},
        answered=answered,
        dismissed=dismissed,
        opted_out=opted_out,
        harm=tuple(
            name
            for name, guard in guards.items()
            if guard.difference is not None and guard.difference.low > 0.0
        ),
        adjusted=answers.adjusted,
        ratio_p_value=p_value,
        needed=_needed(trial, answers, effect) if known else None,
    )


def conclude(difference: Interval | None) -> Conclusion:
    """Say what an interval of a difference allows to say."""
    if difference is None or difference.low <= 0.0 <= difference.high:
        return Conclusion.NOT_YET_KNOWN
    return Conclusion.BETTER if difference.low > 0.0 else Conclusion.WORSE


def contrast(trial: HoldoutTrial, outcome: Vector, estimate: Estimate) -> Contrast:
    """Return the shares of `outcome` in both arms, with intervals where enough is known."""
    variance = estimate.variance
    if not arms.enough(trial, outcome) or variance < _ROUNDING:
        return Contrast(estimate.optimised, estimate.holdout, None, None)
    half = sequential.radius(variance)
    return Contrast(
        estimate.optimised,
        estimate.holdout,
        _around(estimate.difference, half),
        _relative(trial, estimate, half / sqrt(variance)),
    )


def _relative(trial: HoldoutTrial, estimate: Estimate, radii: float) -> Interval | None:
    """Return the ratio of the shares minus 1, by Fieller's theorem (1954), as many radii wide.

    It holds every ratio r at which optimised - r x holdout cannot be told from 0. At r = 1 that is
    the difference itself: so it leaves 0 out if and only if the difference does. None where the
    holdout's own share cannot be told from 0, which leaves the ratio without bounds.
    """
    treated = user_sums(estimate.row * trial.optimised, estimate.user)
    held = user_sums(estimate.row * ~trial.optimised, estimate.user)
    correction = radii**2 * len(held) / max(len(held) - 1, 1)
    leading = estimate.holdout**2 - correction * float(held @ held)
    if leading <= 0.0:
        return None
    middle = estimate.optimised * estimate.holdout + correction * float(treated @ held)
    last = estimate.optimised**2 - correction * float(treated @ treated)
    half = sqrt(max(middle**2 - leading * last, 0.0)) / leading
    centre = middle / leading
    ratio = estimate.optimised / estimate.holdout
    return Interval(ratio - 1.0, centre - half - 1.0, centre + half - 1.0)


def _needed(trial: HoldoutTrial, estimate: Estimate, effect: float) -> Needed:
    enough = sequential.resolving_variance(effect)
    further = max(estimate.variance / enough - 1.0, 0.0)
    return Needed(
        effect=effect,
        more_sends={arm: ceil(further * trial.sends(optimised=flag)) for arm, flag in _ARMS},
        same_users_suffice=estimate.variance_between < enough,
    )


def _around(estimate: float, half: float) -> Interval:
    return Interval(estimate, estimate - half, estimate + half)


def _no_arms(reason: str) -> Refusal:
    return Refusal(
        "no_randomised_arms",
        reason,
        "give campaigns a holdout, and wait until their windows have closed",
    )


def _mismatch(trial: HoldoutTrial, p_value: float) -> Refusal:
    return Refusal(
        "sample_ratio_mismatch",
        f"{trial.users(optimised=False):,} users held out and {trial.users(optimised=True):,} "
        f"not do not fit the holdout's share (p = {p_value:.1g})",
        "find out which users are missing from an arm, or whether the share changed unrecorded",
    )
