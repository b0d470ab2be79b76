"""Grows the trees on the level-shape model, and asks whether they may order hours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate import metrics
from sendopt.evaluate.chance import FEWEST_FOR_TEST
from sendopt.features import MOMENT_FEATURES, USER_FEATURES, LabelledMoments
from sendopt.learn.boosting import trees
from sendopt.learn.boosting.trees import Sample, Trees
from sendopt.learn.families.level_shape_trees.settings import Settings
from sendopt.learn.families.level_shape_trees.weights import Weights
from sendopt.learn.level_shape.level_shape_model import DescribedMoments
from sendopt.learn.past.groups import day_groups, user_numbers

_FEWEST_MIXED_DAYS = 100

Mask = NDArray[np.bool_]


def grow(
    rows: DescribedMoments,
    past: LabelledMoments,
    weights: Weights,
    learn: Mask,
    tune: Mask,
    *,
    settings: Settings,
    seed: int,
    threads: int,
) -> tuple[Trees | None, bool]:
    """Return the trees, and whether they may order the hours of a user.

    They may only if, on later days with several sends, they order the moments of a user's day
    better than the level-shape model, beyond doubt, for more than a handful of users. Days with
    one send prove nothing: between days, how much a user answers changes, and trees that see that
    look as if they knew the hour.
    """
    offset = weights.logit(rows)

    def grown(features: NDArray[np.float32], names: tuple[str, ...]) -> Trees | None:
        def sample(chosen: Mask) -> Sample:
            return Sample(features[chosen], past.label[chosen], past.weight[chosen], offset[chosen])

        return trees.fit(
            settings.offset_trees(),
            sample(learn),
            sample(tune),
            names=names,
            seed=seed,
            threads=threads,
        )

    user_features = _only(settings.features.user, USER_FEATURES, rows.user_features)
    if settings.features.moment and _mixed_days(past.rows(tune)) >= _FEWEST_MIXED_DAYS:
        moment = _only(settings.features.moment, MOMENT_FEATURES, rows.moment_features)
        both = np.hstack([user_features, moment])
        ranking = grown(both, USER_FEATURES + MOMENT_FEATURES)
        if ranking is not None:
            added = trees.added_logit(ranking, both[tune])
            if _orders_better(offset[tune] + added, offset[tune], past.rows(tune)):
                return ranking, True
    return grown(user_features, USER_FEATURES), False


def _only(
    wanted: list[str], names: tuple[str, ...], features: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the features with 0 for what is not wanted: no tree splits where nothing differs."""
    is_wanted = np.isin(names, wanted)
    return np.where(is_wanted, features, 0.0).astype(np.float32)


def _mixed_days(past: LabelledMoments) -> int:
    """Count the user-days on which some sends were answered and others not."""
    _, pairs = metrics.pair_counts(day_groups(past), np.zeros(len(past)), past.label)
    return int((pairs > 0).sum())


def _orders_better(
    new: NDArray[np.float64], old: NDArray[np.float64], past: LabelledMoments
) -> bool:
    user, group = user_numbers(past), day_groups(past)
    gained = metrics.pair_counts(group, new, past.label)[0]
    ordered, pairs = metrics.pair_counts(group, old, past.label)
    owner = np.zeros(len(pairs), np.intp)
    owner[group] = user
    if len(np.unique(owner[pairs > 0])) < FEWEST_FOR_TEST:
        return False
    gain = metrics.user_interval(gained - ordered, pairs, owner)
    return gain.low > 0.0
