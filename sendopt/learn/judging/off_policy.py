"""What policies would have earned, from later sends whose times were randomised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate import off_policy
from sendopt.evaluate.metrics import Gain
from sendopt.evaluate.off_policy import Logged, Strata, Value
from sendopt.evaluate.refusal import Refusal
from sendopt.features import AsOfView
from sendopt.features.labels.chances import LoggedChances, logged_chances
from sendopt.features.labels.randomised import RandomisedSends, randomised_sends
from sendopt.learn.judging.predictions import OURS, predictions
from sendopt.learn.judging.randomised_hours import RandomisedHours, randomised_hours
from sendopt.learn.model.model import ServableModel
from sendopt.parallel import AT_ONCE, in_turn

Vector = NDArray[np.float64]

_MOST_SENDS = 200_000
_SENDS_A_SHARE = 5_000  # bounds the dense curves and rows to some 60 MB


@dataclass(frozen=True)
class OffPolicyEvaluation:
    """Policies on the days of randomised sends; causal, where a value is given."""

    chances: LoggedChances  # of the later sends
    evaluated: int  # of the randomised ones
    hours: tuple[int, ...]  # local hours that were randomised, and among which policies choose
    rare_hours: tuple[int, ...]  # of them, too rarely drawn to tell what they are worth
    rare_share: float  # of the evaluated sends, at rare hours
    as_sent: float | None  # share answered of those evaluated, at the hours they went out
    impossible_share: float = 0.0  # of all hours of all sends, those never drawn for sends like it
    value: Mapping[str, Value | Refusal] = field(default_factory=dict)  # by policy
    gain: Mapping[str, Mapping[str, Gain]] = field(default_factory=dict)  # ours minus it
    refusal: Refusal | None = None  # why nothing is said of any policy
    label: str = "causal"


def evaluate_off_policy(
    view: AsOfView, models: Mapping[str, ServableModel], *, since: datetime, until: datetime
) -> OffPolicyEvaluation:
    """Evaluate the choice of every model on the randomised sends of [since, until).

    Args:
        view: of the tenant's log, looking for what the models learned.
        models: by name; must hold OURS.
        since: inclusive; no model may have learned from it.
        until: exclusive.

    Every policy chooses one local hour of the send's day, among those that were drawn for sends
    like it (`randomised_hours`), knowing what was known when that day began. A propensity is taken
    to be that of the hour, for this very send. A policy is refused a value if its weights do not
    average 1 among the sends of a zone, a platform or a message type, or if it chooses rarely drawn
    hours for more than a few sends.
    """
    chances = logged_chances(view.reader, view.target, since=since, until=until)
    refusal = nothing_randomised(chances)
    if refusal is not None:
        return OffPolicyEvaluation(chances, 0, (), (), 0.0, None, refusal=refusal)
    sends = randomised_sends(view, since=since, until=until, limit=_MOST_SENDS)
    randomised = randomised_hours(sends)
    logged = as_chosen(
        _rankings(_warm(view, models), models, sends, randomised.hours), sends, randomised
    )
    value = {name: off_policy.evaluate(rows) for name, rows in logged.items()}
    return OffPolicyEvaluation(
        chances=chances,
        evaluated=len(sends),
        hours=tuple(int(hour) for hour in randomised.hours),
        rare_hours=tuple(int(hour) for hour in randomised.hours[randomised.rare]),
        rare_share=float(np.isin(sends.hour, randomised.hours[randomised.rare]).mean()),
        impossible_share=float(1.0 - randomised.possible.mean()),
        as_sent=float(sends.answered.mean()),
        value=value,
        gain={
            name: off_policy.gain(logged[OURS], rows)
            for name, rows in logged.items()
            if name != OURS and isinstance(value[OURS], Value) and isinstance(value[name], Value)
        },
    )


def _warm(view: AsOfView, models: Mapping[str, ServableModel]) -> AsOfView:
    late = any(model.scorer.late_hazard is not None for model in models.values())
    times = any(model.scorer.reads_answer_times for model in models.values())
    return view.warm(late_answers=late, answer_times=times)


def _rankings(
    view: AsOfView,
    models: Mapping[str, ServableModel],
    sends: RandomisedSends,
    hours: NDArray[np.intp],
) -> dict[str, Vector]:
    """Return what each model says of each of `hours` on the day of each send, (sends, hours)."""

    def ranked(first: int) -> dict[str, Vector]:
        share = slice(first, min(first + _SENDS_A_SHARE, len(sends)))
        return predictions(models, view, *sends.each_hour(share, hours))

    shares = list(in_turn(ranked, range(0, len(sends), _SENDS_A_SHARE), at_once=AT_ONCE))
    return {
        name: np.concatenate([share[name] for share in shares]).reshape(-1, len(hours))
        for name in shares[0]
    }


def as_chosen(
    ranking: Mapping[str, Vector], sends: RandomisedSends, randomised: RandomisedHours
) -> dict[str, Logged]:
    """Return what each policy would have done, beside what was sent.

    q is our probability. It saw nothing of the day it speaks of, so that it needs no
    fitting to other users' sends.

    Args:
        ranking: what each policy says of the hours of `randomised`, (sends, hours); must hold OURS.
        sends: as they were made.
        randomised: the hours that could be drawn for each of them.
    """
    q = ranking[OURS]
    user = np.asarray(sends.viewpoints.user_id.dictionary_encode().indices, np.intp)[
        sends.viewpoint
    ]
    sent = sends.hour[:, np.newaxis] == randomised.hours
    strata = tuple(
        Strata(by, tuple(each.dictionary.to_pylist()), np.asarray(each.indices, np.intp))
        for by, each in sends.strata.items()
    )
    best = {
        name: _best(np.where(randomised.possible, score, -np.inf))
        for name, score in ranking.items()
    }
    return {
        name: Logged(
            user=user,
            reward=sends.answered,
            propensity=sends.propensity,
            target=(wanted * sent).sum(axis=1),
            predicted=(q * sent).sum(axis=1),
            expected=(q * wanted).sum(axis=1),
            unreachable=(wanted * randomised.hardly).sum(axis=1),
            strata=strata,
        )
        for name, wanted in best.items()
    }


def _best(score: Vector) -> Vector:
    """Return the chance of each time if the best is taken; equals share it."""
    best = score == score.max(axis=1, keepdims=True)
    chance: Vector = best / best.sum(axis=1, keepdims=True)
    return chance


def nothing_randomised(chances: LoggedChances) -> Refusal | None:
    """Return why a log of these chances compares no hours; None = some were drawn at random."""
    if chances.randomised:
        return None
    if chances.logged:
        return Refusal(
            "no_support",
            f"all {chances.logged:,} later sends with a propensity went out at times that were "
            "certain: the hours never varied by chance",
            "let the sender draw a share of its times at random and log their propensity",
        )
    return Refusal(
        "no_propensity",
        f"none of {chances.sends:,} later sends carries the chance with which its time was drawn",
        "let the sender draw a share of its times at random and log their propensity",
    )
