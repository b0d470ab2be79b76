"""Every arm of an experiment against every other, in all and week by week.

Two arms are compared as a holdout is with those optimised, see `lift`: everybody counts in the arm
that the draw gave them, users are the unit, and intervals hold however often one looks. A week is
told once it is over and its last answers are in. What a trend says of weeks to come is nothing: a
line through some weeks is no promise, so none is drawn any further.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import combinations
from math import isfinite

import numpy as np

from sendopt.evaluate import arms, lift
from sendopt.evaluate.arms import HoldoutTrial, Mask
from sendopt.evaluate.chance import Group, Vector, spread, t_beyond, user_sums
from sendopt.evaluate.lift import Conclusion, Lift
from sendopt.evaluate.metrics import Interval
from sendopt.evaluate.refusal import Refusal

#: With fewer there is no line to speak of.
FEWEST_WEEKS = 3

CAUSAL = "causal"
_NOTHING_TO_ANSWER = Refusal(
    "outcome_needs_a_send",
    "of what was not sent nothing can be opened, clicked or answered: the arm would always lose",
    "compare something that happens without a message too, by `sendopt effect`",
)
GIVEN = "assigned by the caller, not checked to be random"


class Direction(StrEnum):
    """Where a difference has gone so far."""

    RISING = "rising"
    FALLING = "falling"
    NOT_YET_KNOWN = "not_yet_known"


@dataclass(frozen=True)
class Stratum:
    """Campaigns of one week that divide their users in the same way."""

    shares: Mapping[str, float]  # by arm
    given: bool  # the caller assigned the arms
    week: date | None  # its Monday, UTC; None = not over yet, or answers may still come


@dataclass(frozen=True)
class ArmTrial:
    """Sends of users in the arms of experiments; a row holds some of one user in one stratum."""

    strata: Sequence[Stratum]
    stratum: Group  # of the row
    user: Group
    arm: Group  # as a number of `names`
    names: Sequence[str]
    sent: Vector  # how many sends, at least 1
    answered: Vector  # how many of them
    dismissed: Vector
    opted_out: Vector
    before: Vector  # of the row's user: share answered before any experiment; NaN = unknown

    def two(self, arm: str, against: str, *, among: Mask) -> HoldoutTrial:
        """Return the rows of two arms among some strata, the second as if it were held out."""
        both = [
            each.shares.get(arm, 0.0) > 0.0 and each.shares.get(against, 0.0) > 0.0
            for each in self.strata
        ]
        chance = np.array(
            [
                each.shares[against] / (each.shares[arm] + each.shares[against]) if here else 0.0
                for each, here in zip(self.strata, both, strict=True)
            ]
        )
        one, other = (self.names.index(name) for name in (arm, against))
        rows = (among & np.array(both, np.bool_))[self.stratum]
        rows &= (self.arm == one) | (self.arm == other)
        return HoldoutTrial(
            user=self.user[rows],
            optimised=self.arm[rows] == one,
            holdout_share=chance[self.stratum[rows]],
            sent=self.sent[rows],
            answered=self.answered[rows],
            dismissed=self.dismissed[rows],
            opted_out=self.opted_out[rows],
            before=self.before[rows],
        )


@dataclass(frozen=True)
class ArmContrast:
    """A share in two arms; the intervals are 95 % at all looks together."""

    arm: float
    against: float
    difference: Interval | None  # None = too few users or answers for an interval
    relative: Interval | None  # of the second arm's share; None also where that may be 0


@dataclass(frozen=True)
class Week:
    """One week's campaigns, by themselves."""

    begins_on: date  # a Monday, UTC: the week in which their windows open
    sends: Mapping[str, int]  # by arm
    answered: ArmContrast
    conclusion: Conclusion


@dataclass(frozen=True)
class Trend:
    """A straight line through the weeks' differences."""

    change_per_week: Interval  # of the difference; 95 % at this look alone
    direction: Direction
    weeks: int
    label: str = "of the weeks shown, at this look alone; it says nothing of weeks to come"


@dataclass(frozen=True)
class Comparison:
    """What one arm did beside another."""

    arm: str
    against: str
    label: str  # CAUSAL, or GIVEN
    conclusion: Conclusion
    users: Mapping[str, int]  # by arm
    sends: Mapping[str, int]  # by arm, the suppressed ones too
    answered: ArmContrast | None  # None = see `refusal`
    dismissed: ArmContrast | None
    opted_out: ArmContrast | None
    adjusted: bool  # for how the users answered before
    ratio_p_value: float | None  # of the arms' sizes, had the draw gone right
    warning: str | None
    refusal: Refusal | None
    weeks: tuple[Week, ...]  # the full ones, oldest first
    trend: Trend | None  # None = of too few weeks


def comparisons(
    trial: ArmTrial, *, effect: float, sent_nothing: frozenset[str] = frozenset()
) -> tuple[Comparison, ...]:
    """Compare every arm with every other that users were divided among together.

    Args:
        trial: every send of the experiments whose outcome is known.
        effect: as in `lift.report`.
        sent_nothing: arms whose users cannot answer, as nothing came.
    """
    found = []
    for given in (False, True):
        among = np.array([each.given == given for each in trial.strata], np.bool_)
        for arm, against in combinations(trial.names, 2):
            pair = trial.two(arm, against, among=among)
            if not len(pair):
                continue
            told = (
                _NOTHING_TO_ANSWER
                if {arm, against} & sent_nothing
                else lift.report(pair, effect=effect, refuses_mismatch=not given)
            )
            found.append(_comparison(trial, pair, arm, against, told, given=given))
    return tuple(found)


def _comparison(
    trial: ArmTrial,
    pair: HoldoutTrial,
    arm: str,
    against: str,
    told: Lift | Refusal,
    *,
    given: bool,
) -> Comparison:
    known = told if isinstance(told, Lift) else None
    weeks, trend = ((), None) if known is None else _by_week(trial, arm, against, given=given)
    return Comparison(
        arm=arm,
        against=against,
        label=GIVEN if given else CAUSAL,
        conclusion=Conclusion.NOT_YET_KNOWN if known is None else known.conclusion,
        users={arm: pair.users(optimised=True), against: pair.users(optimised=False)},
        sends={arm: pair.sends(optimised=True), against: pair.sends(optimised=False)},
        answered=None if known is None else _contrast(known.answered),
        dismissed=None if known is None else _contrast(known.dismissed),
        opted_out=None if known is None else _contrast(known.opted_out),
        adjusted=known is not None and known.adjusted,
        ratio_p_value=None if known is None else known.ratio_p_value,
        warning=_warning(arm, against, known) if given and known is not None else None,
        refusal=None if isinstance(told, Lift) else told,
        weeks=weeks,
        trend=trend,
    )


def _by_week(
    trial: ArmTrial, arm: str, against: str, *, given: bool
) -> tuple[tuple[Week, ...], Trend | None]:
    """Tell the full weeks in which both arms have sends, and the line through them."""
    weeks, pairs = [], []
    for monday in sorted({each.week for each in trial.strata if each.week is not None}):
        among = [each.week == monday and each.given == given for each in trial.strata]
        pair = arms.comparable(trial.two(arm, against, among=np.array(among, np.bool_)))
        if len(pair) == 0:
            continue
        found = lift.contrast(pair, pair.answered, arms.compare(pair, pair.answered))
        weeks.append(
            Week(
                monday,
                {arm: pair.sends(optimised=True), against: pair.sends(optimised=False)},
                _contrast(found),
                lift.conclude(found.difference),
            )
        )
        pairs.append(pair)
    return tuple(weeks), _trend([week.begins_on for week in weeks], pairs)


def _trend(mondays: Sequence[date], pairs: Sequence[HoldoutTrial]) -> Trend | None:
    """Return the line through the weeks' differences, each week counting as it has sends.

    Its slope is a sum of all rows, so that its error lets a user's weeks hang together.
    """
    if len(pairs) < FEWEST_WEEKS:
        return None
    at = np.array([(monday - mondays[0]).days / 7.0 for monday in mondays])
    size = np.array([float(pair.sent.sum()) for pair in pairs])
    apart = at - float(np.average(at, weights=size))
    share = size * apart / float(size @ apart**2)
    estimates = [arms.compare(pair, pair.answered) for pair in pairs]
    slope = float(share @ [each.difference for each in estimates])
    moved = np.concatenate([of * each.row for of, each in zip(share, estimates, strict=True)])
    error, freedom = spread(user_sums(moved, np.concatenate([pair.user for pair in pairs])))
    half = t_beyond(0.025, freedom) * error
    interval = Interval(slope, slope - half, slope + half)
    direction = Direction.NOT_YET_KNOWN
    if error > 0.0 and isfinite(half) and not interval.low <= 0.0 <= interval.high:
        direction = Direction.RISING if slope > 0.0 else Direction.FALLING
    return Trend(interval, direction, len(pairs))


def _contrast(found: lift.Contrast) -> ArmContrast:
    return ArmContrast(found.optimised, found.holdout, found.difference, found.relative)


def _warning(arm: str, against: str, known: Lift) -> str | None:
    if known.ratio_p_value >= lift.RATIO_ALPHA:
        return None
    return (
        f"the numbers of users in {arm} and {against} do not fit the shares that the campaign "
        f"names (p = {known.ratio_p_value:.1g}): somebody is missing from one, or they were not "
        "drawn by these shares"
    )
