"""Collapsed trees say what the booster says, whatever the booster."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sendopt.errors import ModelNotServable
from sendopt.learn.boosting.collapse import UserTrees, collapse
from sendopt.learn.boosting.tree_tables import TreeTables, tree_tables
from sendopt.learn.boosting.trees import from_text, to_text
from sendopt.learn.boosting.walk import add_trees

HOURS = np.arange(168) % 24.0
DAYS = np.arange(168) // 24.0
WEEKENDS = np.where(DAYS >= 5, 1.0, np.nan)
USER = 3  # features of the user stand before those of the slot
SLOT_FEATURES = {USER: HOURS, USER + 1: DAYS, USER + 2: WEEKENDS}


def grown(seed: int, *, leaves: int = 12, rounds: int = 8, **params: Any) -> lgb.Booster:
    """Trees on noise in which user and slot are entangled; one user feature misses values."""
    rng = np.random.default_rng(seed)
    count = 1500
    users, slot = people(rng, count), rng.integers(0, 168, count)
    rows = np.column_stack([users, HOURS[slot], DAYS[slot], WEEKENDS[slot]])
    tangle = np.sin(users[:, 0] + HOURS[slot] / 4) + (np.nan_to_num(users[:, 1]) > DAYS[slot] / 6)
    label = (tangle + rng.normal(size=count) > 0.5).astype(float)
    categorical = params.pop("categorical_feature", "auto")
    params = {
        "objective": "binary",
        "num_leaves": leaves,
        "min_child_samples": 5,
        "num_threads": 1,
        "seed": seed,
        "verbosity": -1,
        **params,
    }
    data = lgb.Dataset(rows, label, categorical_feature=categorical)
    return lgb.train(params, data, num_boost_round=rounds)


def people(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    users = np.round(rng.normal(size=(count, USER)), 1)
    users[rng.random(count) < 0.3, 1] = np.nan
    return users


def asked_and_answered(
    booster: lgb.Booster, trees: UserTrees, users: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What the trees add to each user's slots, and what the booster predicts row by row."""
    ours = np.zeros((len(users), 168), np.float32)
    add_trees(trees, users, ours, threads=2)
    week = np.column_stack([HOURS, DAYS, WEEKENDS])
    rows = np.hstack([np.repeat(users, 168, axis=0), np.tile(week, (len(users), 1))])
    theirs = np.asarray(booster.predict(rows, raw_score=True))
    return ours, theirs.reshape(len(users), 168)


@settings(max_examples=at_most(25), deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    leaves=st.integers(2, 31),
    rounds=st.integers(1, 9),
    most_regions=st.sampled_from([1, 4, 16, 128]),
    use_missing=st.booleans(),
    categorical=st.sampled_from([[], [USER], [USER, USER + 1]]),
)
def test_every_user_gets_at_every_slot_what_the_booster_says(
    *,
    seed: int,
    leaves: int,
    rounds: int,
    most_regions: int,
    use_missing: bool,
    categorical: list[int],
) -> None:
    booster = grown(
        seed,
        leaves=leaves,
        rounds=rounds,
        use_missing=use_missing,
        categorical_feature=categorical,
        min_data_per_group=5,
    )
    trees = collapse(tree_tables(booster), SLOT_FEATURES, slots=168, most_regions=most_regions)
    rng = np.random.default_rng(seed + 1)
    users = people(rng, 131)
    users[rng.random(users.shape) < 0.1] = np.nan  # also where none was missing in training
    users[0], users[1] = np.inf, -np.inf
    ours, theirs = asked_and_answered(booster, trees, users)
    assert ours == pytest.approx(theirs, abs=1e-5)


@settings(max_examples=at_most(15), deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    leaves=st.integers(2, 31),
    params=st.sampled_from(
        [
            {},
            {"use_missing": False},
            {"zero_as_missing": True},
            {"min_child_samples": 1400},
            {"categorical_feature": [USER], "min_data_per_group": 5},
        ]
    ),
)
def test_stored_trees_are_read_as_lightgbm_reads_them(
    seed: int, leaves: int, params: dict[str, Any]
) -> None:
    booster = grown(seed, leaves=leaves, rounds=5, **params)
    stored = from_text(to_text(booster), threads=1)
    ours, theirs = stored.tables, tree_tables(booster)
    assert stored.feature_name() == booster.feature_name()
    assert stored.num_trees() == booster.num_trees()
    assert [branches(ours, root) for root in ours.root] == [
        branches(theirs, root) for root in theirs.root
    ]


def branches(tables: TreeTables, child: int) -> Any:
    """Return what a child leads to, however nodes are numbered."""
    if child < 0:
        return tables.value[~child]
    split = (
        tables.feature[child],
        tables.categories.get(child, tables.threshold[child]),
        tables.missing[child],
        tables.default_left[child],
    )
    return split, branches(tables, tables.left[child]), branches(tables, tables.right[child])


def test_a_tree_too_large_to_collapse_becomes_several_that_add_up_to_it() -> None:
    booster = grown(3, leaves=31, rounds=4)
    tables = tree_tables(booster)
    whole = collapse(tables, SLOT_FEATURES, slots=168, most_regions=10**6)
    split = collapse(tables, SLOT_FEATURES, slots=168, most_regions=8)
    assert len(whole.root) == 4 < len(split.root)
    users = people(np.random.default_rng(4), 50)
    for trees in (whole, split):
        ours, theirs = asked_and_answered(booster, trees, users)
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_trees_without_slots_and_trees_without_splits_are_walked_too() -> None:
    blind = grown(5, leaves=4, feature_contri=[1, 1, 1, 0, 0, 0])
    trees = collapse(tree_tables(blind), SLOT_FEATURES, slots=168)
    assert trees.flat == len(trees.root) == 8
    stump = grown(6, min_child_samples=1400)
    users = people(np.random.default_rng(7), 70)
    for booster in (blind, stump):
        trees = collapse(tree_tables(booster), SLOT_FEATURES, slots=168)
        ours, theirs = asked_and_answered(booster, trees, users)
        assert ours == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize(
    "params",
    [
        {"categorical_feature": [0], "min_data_per_group": 5},
        {"zero_as_missing": True},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        {"linear_tree": True},
    ],
)
def test_what_cannot_be_collapsed_is_refused(params: dict[str, Any]) -> None:
    booster = grown(8, **params)
    with pytest.raises(ModelNotServable) as refusal:
        collapse(tree_tables(booster), SLOT_FEATURES, slots=168)
    assert refusal.value.code == "trees_unsupported"
