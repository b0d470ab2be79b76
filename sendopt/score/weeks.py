"""Scores whole weeks: what is the user's is worked out once a user, not once a slot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.errors import ModelNotServable
from sendopt.features import USER_FEATURES, AsOfView, Moments, Viewpoints
from sendopt.learn import ServableModel, TreeTables, tree_tables
from sendopt.learn.boosting.collapse import UserTrees, collapse
from sendopt.learn.numerics.logistic import logit as log_odds
from sendopt.learn.numerics.logistic import sigmoid

SLOTS_A_WEEK = 168
SLOT_SCHEMA = pa.schema(
    {
        "user_id": pa.string(),
        "day_of_week": pa.int8(),  # 0 = Monday
        "hour": pa.int8(),  # local, 0..23
        "open_probability": pa.float64(),
    }
)
#: Logits of 1e-6 and 1 - 1e-6: no score is surer than that.
SUREST_LOGIT = float(np.log(999_999.0))

_USERS_AT_ONCE = 4_000  # bounds the rows in memory, and keeps a batch in the cache
_FEWEST_TO_WALK = 32  # users; for fewer, to collapse and compile takes longer than their rows
_HOUR = np.arange(SLOTS_A_WEEK) % 24
_DAY = np.arange(SLOTS_A_WEEK) // 24
#: What trees may read of a slot, by the feature's name.
_SLOT_FEATURES = {"hour_of_day": _HOUR.astype(np.float64), "day_of_week": _DAY.astype(np.float64)}
#: The level-shape model tells hours and day types apart, so one weekday speaks for all of them.
_HOURS_OF_DAY_TYPES = Moments(
    viewpoint=np.zeros(48, np.intp),
    day_of_week=np.repeat([0, 5], 24),
    minute_of_day=np.tile(np.arange(24) * 60, 2),
    day_type=np.repeat([0, 1], 24),
)
_NO_TREES = collapse(tree_tables(None), {}, slots=SLOTS_A_WEEK)
_collapsed: WeakKeyDictionary[Any, UserTrees | None] = WeakKeyDictionary()  # by booster


@dataclass(frozen=True)
class Weeks:
    """Scores of some users: the calibrated logit at every hour of the local week."""

    user_id: pa.Array
    logit: NDArray[np.float32]  # (users, 168), Monday 0:00 first; within ±SUREST_LOGIT

    @property
    def probability(self) -> NDArray[np.float64]:
        """The same as probabilities."""
        probability: NDArray[np.float64] = sigmoid(self.logit.astype(np.float64))
        return probability

    def table(self) -> pa.Table:
        """The same as rows of SLOT_SCHEMA, by user and then by hour of the week."""
        users = len(self.user_id)
        return pa.table(
            [
                self.user_id.take(pa.array(np.repeat(np.arange(users), SLOTS_A_WEEK))),
                np.tile(_DAY.astype(np.int8), users),
                np.tile(_HOUR.astype(np.int8), users),
                self.probability.ravel(),
            ],
            SLOT_SCHEMA,
        )


def score_weeks(
    model: ServableModel,
    view: AsOfView,
    users: pa.Array,
    *,
    as_of: datetime,
    threads: int = 1,
) -> Iterator[Weeks]:
    """Score the weeks of `users` in their order, some thousands at a time.

    A send is thought of at the start of each hour. Users that the log does not know get the
    population's scores.

    Args:
        model: usually the champion.
        view: of the tenant's log; only events with `occurred_at < as_of` are used.
        users: their ids.
        as_of: what was known when.
        threads: used for the trees.
    """
    trees = _user_trees(model) if len(users) >= _FEWEST_TO_WALK else None
    for first in range(0, len(users), _USERS_AT_ONCE):
        some = users.slice(first, _USERS_AT_ONCE)
        instants = pa.array([as_utc(as_of)] * len(some), pa.timestamp("us", tz="UTC"))
        seen = Viewpoints(some, instants)
        if trees is None:
            logit = _by_rows(model, view, seen)
        else:
            logit = _by_user(model, trees, view, seen, threads=threads)
        yield Weeks(some, np.clip(logit, -SUREST_LOGIT, SUREST_LOGIT))


def add_user_trees(
    trees: UserTrees,
    features: NDArray[np.float64],
    offset: NDArray[np.float32],
    calibration: tuple[float, float],
    *,
    threads: int = 1,
) -> None:
    """Turn offsets into calibrated logits, in place.

    Args:
        trees: collapsed over the slots.
        features: (users, user features); NaN is missing.
        offset: (users, slots), the logits that the trees add to.
        calibration: intercept and slope on the logit scale.
        threads: users are shared out among so many.
    """
    # Numba takes half a second to import, which only those who score should pay.
    from sendopt.learn.boosting.walk import add_trees  # noqa: PLC0415

    add_trees(trees, features, offset, threads=threads)
    intercept, slope = calibration
    offset *= np.float32(slope)
    offset += np.float32(intercept)


def _by_user(
    model: ServableModel,
    trees: UserTrees,
    view: AsOfView,
    seen: Viewpoints,
    *,
    threads: int,
) -> NDArray[np.float32]:
    rows = model.inputs(view, seen, _repeated(_HOURS_OF_DAY_TYPES, seen))
    offset = model.weights.logit(rows).astype(np.float32).reshape(len(seen), -1)
    logit = _by_slot(offset, view.weekends(seen))
    features = rows.user_features[:: offset.shape[1]]
    add_user_trees(trees, features, logit, model.calibration, threads=threads)
    if model.asked_window is None:
        return logit
    probability = model.in_window(sigmoid(logit.astype(np.float64)))
    return log_odds(probability).astype(np.float32)


def _by_rows(model: ServableModel, view: AsOfView, seen: Viewpoints) -> NDArray[np.float32]:
    """Score user by slot rows: slow, and right for trees of any kind."""
    rows = model.inputs(view, seen, view.hours_of_week(seen))
    probability = model.predict(rows).reshape(len(seen), SLOTS_A_WEEK)
    return log_odds(probability).astype(np.float32)


def _repeated(asked: Moments, seen: Viewpoints) -> Moments:
    count = len(seen)
    return Moments(
        viewpoint=np.repeat(np.arange(count, dtype=np.intp), len(asked)),
        day_of_week=np.tile(asked.day_of_week, count),
        minute_of_day=np.tile(asked.minute_of_day, count),
        day_type=np.tile(asked.day_type, count),
    )


def _by_slot(offset: NDArray[np.float32], weekend: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Spread offsets of _HOURS_OF_DAY_TYPES over the week of each user."""
    logit = np.empty((len(offset), SLOTS_A_WEEK), np.float32)
    patterns, number = np.unique(weekend, axis=0, return_inverse=True)
    for row, is_weekend in enumerate(patterns):
        users = np.flatnonzero(number == row)
        logit[users] = offset[users][:, is_weekend[_DAY] * 24 + _HOUR]
    return logit


def _user_trees(model: ServableModel) -> UserTrees | None:
    """Return the model's trees collapsed; None if they have to be walked row by row."""
    if model.booster is None:
        return _NO_TREES
    if model.booster not in _collapsed:
        _collapsed[model.booster] = _collapse(tree_tables(model.booster))
    return _collapsed[model.booster]


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
