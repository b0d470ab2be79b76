"""Whole weeks by the level-shape model and its trees: a user's part is worked out once a user."""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import ModelNotServable
from sendopt.features import USER_FEATURES, AsOfView, Viewpoints
from sendopt.learn.boosting.collapse import UserTrees, collapse
from sendopt.learn.boosting.stored_trees import StoredTrees
from sendopt.learn.boosting.tree_tables import TreeTables, tree_tables
from sendopt.learn.boosting.trees import Trees
from sendopt.learn.families.level_shape_trees.weights import Weights
from sendopt.learn.level_shape.level_shape_model import LevelShapeModel
from sendopt.learn.model.scorer import SLOTS_A_WEEK

_HOUR = np.arange(SLOTS_A_WEEK) % 24
_DAY = np.arange(SLOTS_A_WEEK) // 24
#: What trees may read of a slot, by the feature's name.
_SLOT_FEATURES = {"hour_of_day": _HOUR.astype(np.float64), "day_of_week": _DAY.astype(np.float64)}
_NO_TREES = collapse(tree_tables(None), {}, slots=SLOTS_A_WEEK)
_collapsed: WeakKeyDictionary[Any, UserTrees | None] = WeakKeyDictionary()  # by booster
_collapsing = threading.Lock()


def collapsed_logits(
    level_shape: LevelShapeModel,
    weights: Weights,
    booster: Trees | None,
    view: AsOfView,
    viewpoints: Viewpoints,
    *,
    threads: int,
) -> NDArray[np.float32] | None:
    """Return the logits of the local weeks; None if the trees have to be walked row by row."""
    trees = _user_trees(booster)
    if trees is None:
        return None
    # Numba takes half a second to import, which only those who score should pay.
    from sendopt.learn.boosting.walk import add_trees  # noqa: PLC0415

    knowledge = level_shape.knowledge(view, viewpoints, with_variance=False)
    curves = level_shape.curves(knowledge, with_variance=False)
    offset = weights.hourly_logit(curves).astype(np.float32).reshape(len(viewpoints), -1)
    logit = _by_slot(offset, view.weekends(viewpoints))
    add_trees(trees, knowledge.user_features, logit, threads=threads)
    return logit


def _by_slot(offset: NDArray[np.float32], weekend: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Spread the offsets of the hours of both day types over the week of each user."""
    logit = np.empty((len(offset), SLOTS_A_WEEK), np.float32)
    days = weekend @ (1 << np.arange(weekend.shape[1]))  # a number for each kind of week
    for each in np.unique(days):
        users = np.flatnonzero(days == each)
        logit[users] = offset[users][:, weekend[users[0]][_DAY] * 24 + _HOUR]
    return logit


def _user_trees(booster: Trees | None) -> UserTrees | None:
    """Return the trees collapsed; None if they have to be walked row by row."""
    if booster is None:
        return _NO_TREES
    with _collapsing:  # who comes meanwhile waits
        if booster not in _collapsed:
            _collapsed[booster] = _collapse(_tables_of(booster))
        return _collapsed[booster]


def _tables_of(booster: Trees) -> TreeTables:
    return booster.tables if isinstance(booster, StoredTrees) else tree_tables(booster)


def _collapse(tables: TreeTables) -> UserTrees | None:
    """Collapse trees that read features of users and of slots; None where they read others."""
    users = range(len(USER_FEATURES))
    slot_features = {
        at: _SLOT_FEATURES[name] for at, name in enumerate(tables.names) if name in _SLOT_FEATURES
    }
    if tables.names[: len(users)] != USER_FEATURES or not {*users, *slot_features}.issuperset(
        tables.feature.tolist()
    ):
        return None
    try:
        return collapse(tables, slot_features, slots=SLOTS_A_WEEK)
    except ModelNotServable:  # their splits are of a kind that has to be walked row by row
        return None
