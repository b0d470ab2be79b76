"""Judges probabilities and choices on moments that no model was fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate import metrics
from sendopt.evaluate.metrics import Gain, Interval
from sendopt.features import LabelledMoments
from sendopt.learn.judging.across_days import AcrossDays
from sendopt.learn.judging.predictions import OURS
from sendopt.learn.judging.weighing import Weighing, weighing
from sendopt.learn.past.groups import day_groups, user_numbers

Vector = NDArray[np.float64]

RANDOM = "random"
CHAMPION = "champion"


@dataclass(frozen=True)
class Quality:
    """How good one predictor's probabilities are."""

    log_loss: float
    brier: float
    calibration_error: float
    within_day_auc: float | None  # None = no day with both outcomes


@dataclass(frozen=True)
class Judgement:
    """What was found on the judged moments; intervals are 95 %, users as units.

    Probabilities and the order of moments are judged on weighed moments (see `weighing`); the
    choice of one moment of a day is judged on the days as they were sent.
    """

    moments: int
    users: int
    answered: float  # share of the moments, as sent
    weighing: Weighing
    quality: dict[str, Quality]  # by predictor
    choices: int  # user-days with at least two moments, of which one is chosen
    mixed_days: int  # of them, those with an answered and a silent moment
    reward: dict[str, Interval]  # by policy: share of the choices that were answered
    gain: dict[str, Gain]  # ours minus each other policy, answered share
    auc_gain: dict[str, Gain]  # ours minus each other model's, within-user-day AUC
    log_loss_gain: dict[str, Gain]  # each other model's log loss minus ours, nats
    label: str = "predictive"  # whoever chose the times of these moments had reasons
    across_days: AcrossDays | None = None  # judged where days hold too few such pairs

    @property
    def order_gain(self) -> dict[str, Gain]:
        """By how much ours orders hours better than each other model: see `order_measure`.

        Empty where too few were seen to answer and to be silent: where users are enough for an
        interval of anything, what a handful of them says without one is chance.
        """
        gains = self.auc_gain if self.across_days is None else self.across_days.gain
        enough = self.users >= metrics.FEWEST_FOR_INTERVAL
        return {name: gain for name, gain in gains.items() if gain.bounded or not enough}

    @property
    def order_measure(self) -> str:
        """Where hours were compared: within days, or across them."""
        return "within-day AUC" if self.across_days is None else "AUC across days"


def judge(
    past: LabelledMoments,
    probabilities: Mapping[str, Vector],
) -> Judgement:
    """Judge models on `past`, by what they say and by the order in which that puts a day's moments.

    Args:
        past: the moments and what happened.
        probabilities: by model, as they would be served; must hold OURS.
    """
    user, day = user_numbers(past), day_groups(past)
    owner, rewards = _choices(past, probabilities, user, day)
    ones = np.ones(len(owner))
    ours = metrics.log_losses(past.label, probabilities[OURS])
    return Judgement(
        moments=len(past),
        users=len(np.unique(user)),
        answered=float(past.label.mean()),
        weighing=weighing(past),
        quality={name: quality(past, p) for name, p in probabilities.items()},
        choices=len(owner),
        reward={name: metrics.user_share(reward, ones, owner) for name, reward in rewards.items()},
        gain={
            name: metrics.user_gain(rewards[OURS] - reward, ones, owner)
            for name, reward in rewards.items()
            if name != OURS
        },
        auc_gain=_auc_gains(past, probabilities, user, day),
        log_loss_gain={
            name: metrics.user_gain(
                past.weight * (metrics.log_losses(past.label, p) - ours), past.weight, user
            )
            for name, p in probabilities.items()
            if name != OURS
        },
        mixed_days=int(np.count_nonzero(metrics.pair_counts(day, past.label, past.label)[1])),
    )


def _choices(
    past: LabelledMoments,
    probabilities: Mapping[str, Vector],
    user: NDArray[np.intp],
    day: NDArray[np.intp],
) -> tuple[NDArray[np.intp], dict[str, Vector]]:
    """Let every policy, and chance, choose a moment of each day that has several.

    Returns:
        The user of each such day, and by policy whether its moment was answered; no policy where
        there is no such day.
    """
    size = np.bincount(day)
    several = size[day] >= 2
    group = np.unique(day[several], return_inverse=True)[1]
    owner = np.zeros(int((size >= 2).sum()), np.intp)
    owner[group] = user[several]
    if not len(owner):
        return owner, {}
    orders = {name: probability[several] for name, probability in probabilities.items()}
    orders[RANDOM] = np.zeros(len(group))
    label = past.label[several]
    return owner, {
        name: metrics.reward_of_choice(group, order, label) for name, order in orders.items()
    }


def _auc_gains(
    past: LabelledMoments,
    probabilities: Mapping[str, Vector],
    user: NDArray[np.intp],
    day: NDArray[np.intp],
) -> dict[str, Gain]:
    """Compare the orders of days on which some moments were answered and others not."""
    label, weight = past.label, past.weight
    ordered, pairs = metrics.pair_counts(day, probabilities[OURS], label, weight)
    owner = np.zeros(len(pairs), np.intp)
    owner[day] = user
    mixed = pairs > 0
    if not mixed.any():
        return {}
    return {
        name: metrics.user_gain(
            (ordered - metrics.pair_counts(day, probability, label, weight)[0])[mixed],
            pairs[mixed],
            owner[mixed],
        )
        for name, probability in probabilities.items()
        if name != OURS
    }


def quality(past: LabelledMoments, probability: Vector) -> Quality:
    """Return how good `probability` is on the weighed moments of `past`."""
    label, weight = past.label, past.weight
    ordered, pairs = metrics.pair_counts(day_groups(past), probability, label, weight)
    return Quality(
        log_loss=float(np.average(metrics.log_losses(label, probability), weights=weight)),
        brier=metrics.brier(label, probability, weight),
        calibration_error=metrics.calibration_error(label, probability, weight),
        within_day_auc=float(ordered.sum() / pairs.sum()) if pairs.sum() else None,
    )
