"""What a local hour does, from sends whose times were drawn at random with known chances."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate import excursion, off_policy
from sendopt.evaluate.excursion import RandomisedRows
from sendopt.evaluate.metrics import Interval
from sendopt.evaluate.off_policy import Logged, Strata
from sendopt.evaluate.refusal import Refusal
from sendopt.features import AsOfView
from sendopt.features.labels.chances import logged_chances
from sendopt.features.labels.randomised import RandomisedSends, randomised_sends
from sendopt.learn.families.counting_rule import HALF_LIFE
from sendopt.learn.families.user_level import level_of
from sendopt.learn.judging.off_policy import nothing_randomised
from sendopt.learn.judging.randomised_hours import RandomisedHours, randomised_hours
from sendopt.learn.numerics.logistic import logit

_MOST_SENDS = 200_000
_MOSTLY = 0.9  # of the sends, for which an hour must have been possible to be compared


@dataclass(frozen=True)
class HourEffect:
    """One local hour beside the others that were compared, each of these as often."""

    hour: int  # 0..23
    sends: int
    answered: float  # share of them, as sent
    effect: Interval  # of a send's chance of an answer; 95 % for all hours together


@dataclass(frozen=True)
class HourEffects:
    """What each local hour does; causal, where hours are given."""

    sends: int  # randomised
    compared: int  # of them, those that could have gone out at every hour that is compared
    users: int  # of those compared
    hours: tuple[HourEffect, ...]  # empty = see `refusal`
    refusal: Refusal | None
    label: str = "causal"


def hour_effects(view: AsOfView, *, since: datetime, until: datetime) -> HourEffects:
    """Compare the local hours at which sends of [since, until) were drawn to go out.

    Hours that most sends could have had are compared, by those sends that could have had each of
    them. How much the user had answered before that day is taken out as noise.

    Args:
        view: of the tenant's log, looking for what counts as an answer.
        since: inclusive.
        until: exclusive; sends whose window closed by then count.
    """
    refusal = nothing_randomised(logged_chances(view.reader, view.target, since=since, until=until))
    if refusal is not None:
        return HourEffects(0, 0, 0, (), refusal)
    sends = randomised_sends(view, since=since, until=until, limit=_MOST_SENDS)
    mean = float(np.clip(sends.answered.mean(), 1e-3, 1.0 - 1e-3))
    evidence = view.user_evidence(sends.viewpoints, half_life=HALF_LIFE)
    level = level_of(evidence, float(logit(np.array([mean]))[0]))
    return compare_hours(sends, randomised_hours(sends), level[sends.viewpoint])


def compare_hours(
    sends: RandomisedSends, randomised: RandomisedHours, level: NDArray[np.float64]
) -> HourEffects:
    """Compare the hours of `sends`, whose users had answered as `level` says before."""
    mostly = randomised.possible.mean(axis=0) >= _MOSTLY
    chosen = np.flatnonzero(mostly & ~randomised.rare)
    hours = randomised.hours[chosen]
    if len(hours) < 2:
        return HourEffects(len(sends), 0, 0, (), _one_hour(hours))
    could: NDArray[np.bool_] = np.all(randomised.possible[:, chosen], axis=1)
    place = np.full(24, len(hours), np.intp)  # any other hour: of chance 0 in what is compared
    place[hours] = np.arange(len(hours))
    even = np.r_[np.full(len(hours), 1.0 / len(hours)), 0.0]
    user = np.asarray(sends.viewpoints.user_id.dictionary_encode().indices, np.intp)
    rows = RandomisedRows(
        user[sends.viewpoint][could],
        place[sends.hour[could]],
        sends.propensity[could],
        sends.answered[could],
        level[could, np.newaxis],
    )
    names = [f"{hour:02d}:00" for hour in hours]
    refusal = (
        excursion.too_few(rows, names)
        or excursion.untrue(rows, even)
        or _unbalanced(rows, sends, could)
    )
    there = int(could.sum()), len(np.unique(rows.user))
    if refusal is not None:
        return HourEffects(len(sends), *there, (), refusal)
    contrasts = excursion.against_the_rest(even[:-1])
    found = excursion.effects(rows.among(rows.drawn < len(hours)), even[:-1], contrasts)
    effects = [
        HourEffect(
            int(hour),
            int((rows.drawn == number).sum()),
            float(rows.outcome[rows.drawn == number].mean()),
            interval,
        )
        for number, (hour, interval) in enumerate(
            zip(hours, found.intervals(0.05 / len(hours)), strict=True)
        )
    ]
    return HourEffects(len(sends), *there, tuple(effects), None)


def _unbalanced(
    rows: RandomisedRows, sends: RandomisedSends, could: NDArray[np.bool_]
) -> Refusal | None:
    """Refuse chances that do not know what the sender drew by; each hour's weights tell."""
    nothing = np.zeros(len(rows))
    strata = tuple(
        Strata(by, tuple(each.dictionary.to_pylist()), np.asarray(each.indices, np.intp)[could])
        for by, each in sends.strata.items()
    )
    for hour in range(int(rows.drawn.max()) + 1):
        logged = Logged(
            user=rows.user,
            reward=rows.outcome,
            propensity=rows.propensity,
            target=(rows.drawn == hour).astype(np.float64),
            predicted=nothing,
            expected=nothing,
            unreachable=nothing,
            strata=strata,
        )
        refusal = off_policy.unbalanced(logged)
        if refusal is not None:
            return refusal
    return None


def _one_hour(hours: NDArray[np.intp]) -> Refusal:
    told = ", ".join(f"{hour:02d}:00" for hour in hours) or "no hour"
    return Refusal(
        "no_support",
        f"{told} could have been drawn for most sends, and two hours are needed",
        "draw from the same hours for all, or compare what campaigns with the same hours did",
    )
