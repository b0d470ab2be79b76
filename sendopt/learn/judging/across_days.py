"""Judges the order of a user's hours across days, where days hold one moment each.

Most senders send once a day: then no day can be asked which of its moments was better, and whether
hours are well chosen shows only between days. Everything is asked as of the first judged day. A
prediction that is renewed from day to day learns of an answer after it, so the silent moments that
follow are rated above the answered one, and a model that learns would look worse than one that does
not. Nor is anything told of the messages: days differ in them, and who knows that news are opened
more than offers knows nothing of hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.evaluate import metrics
from sendopt.evaluate.metrics import Gain
from sendopt.features import (
    AsOfView,
    LabelledMoments,
    Moments,
    Viewpoints,
    instant,
    viewpoints,
)
from sendopt.learn.judging.predictions import OURS, predictions
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.groups import user_numbers

#: With a pair. By fewer, an AUC is not known to five points: the choice by it would be chance.
FEWEST_USERS = 100


@dataclass(frozen=True)
class AcrossDays:
    """What pairs of an answered and a silent moment of a user tell; intervals are 95 %."""

    users: int  # with such a pair
    auc: dict[str, float]  # by model: share of the pairs that it puts in the right order
    gain: dict[str, Gain]  # ours minus each other model's, users as units


def judge_across_days(
    past: LabelledMoments, view: AsOfView, models: Mapping[str, ServableModel]
) -> AcrossDays | None:
    """Judge how models order the hours of users; None = fewer than FEWEST_USERS have a pair.

    Args:
        past: the judged moments and what happened.
        view: of the log that `past` was read from.
        models: by name; must hold OURS.
    """
    if np.count_nonzero(_pairs(past)) < FEWEST_USERS:
        return None
    return order_across_days(past, predictions(models, view, *as_of_the_first_day(past, view)))


def order_across_days(
    past: LabelledMoments, probabilities: Mapping[str, NDArray[np.float64]]
) -> AcrossDays:
    """Compare the orders into which what models said, OURS among them, puts users' moments."""
    user, pairs = user_numbers(past), _pairs(past)
    mixed = np.flatnonzero(pairs)
    ordered = {
        name: metrics.pair_counts(user, each, past.label, past.weight)[0]
        for name, each in probabilities.items()
    }
    return AcrossDays(
        users=len(mixed),
        auc={name: float(each.sum() / pairs.sum()) for name, each in ordered.items()},
        gain={
            name: metrics.user_gain((ordered[OURS] - each)[mixed], pairs[mixed], mixed)
            for name, each in ordered.items()
            if name != OURS
        },
    )


def _pairs(past: LabelledMoments) -> NDArray[np.float64]:
    """Return how many pairs of an answered and a silent moment each user has, weighed."""
    return metrics.pair_counts(user_numbers(past), past.label, past.label, past.weight)[1]


def as_of_the_first_day(past: LabelledMoments, view: AsOfView) -> tuple[Viewpoints, Moments]:
    """Return users as of the first judged day, and the moments without their messages.

    Hours are those of the zone that was known when each moment was planned: who travels is asked
    about the clock that they lived by.
    """
    later, moments = past.viewpoints_and_moments(view)
    first = pa.repeat(instant(int(past.as_of_us.min())), len(later))
    then, number = viewpoints(later.user_id, first, platform=later.platform)
    return then, replace(moments, viewpoint=number[moments.viewpoint], message_type=None)
