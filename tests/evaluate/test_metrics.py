"""Metrics against their definitions, written out slowly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.evaluate import metrics
from sendopt.learn.numerics import circular, logistic

rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.booleans()), min_size=1, max_size=40
)


@given(rows)
def test_pairs_and_choices_are_those_of_the_definition(
    found: list[tuple[int, int, bool]],
) -> None:
    _, group = np.unique([g for g, _, _ in found], return_inverse=True)
    score = np.array([0.05 * s for _, s, _ in found])
    label = np.array([float(y) for _, _, y in found])
    ordered, pairs = metrics.pair_counts(group, score, label)
    reward = metrics.reward_of_choice(group, score, label)
    for g in range(group.max() + 1):
        mine = [(s, y) for s, y, k in zip(score, label, group, strict=True) if k == g]
        against = [
            (1.0 if s > t else 0.5 if s == t else 0.0)
            for s, y in mine
            if y
            for t, z in mine
            if not z
        ]
        assert ordered[g] == pytest.approx(sum(against))
        assert pairs[g] == len(against)
        best = max(s for s, _ in mine)
        assert reward[g] == pytest.approx(np.mean([y for s, y in mine if s == best]))


def test_probabilities_are_judged_by_loss_square_and_gap() -> None:
    """Of two answers in ten, where 0.2 is said, and of none where 0.6 is."""
    label = np.array([1.0, 1.0] + [0.0] * 8 + [0.0] * 10)
    said = np.array([0.2] * 10 + [0.6] * 10)
    answered, silent = -np.log(0.2), -np.log(0.8)
    losses = metrics.log_losses(label, said)
    assert losses.tolist() == pytest.approx([answered] * 2 + [silent] * 8 + [-np.log(0.4)] * 10)
    assert metrics.brier(label, said) == pytest.approx(0.5 * 0.16 + 0.5 * 0.36)


@given(st.integers(0, 2**32 - 1))
def test_the_calibration_error_is_the_mean_gap_whatever_its_sign_and_the_order(seed: int) -> None:
    """Ten levels of a hundred: each is off by 0.05, the lower ones downwards, the others up."""
    level = np.repeat(np.arange(10), 100)
    label = (np.tile(np.arange(100), 10) < 10 * level + 5).astype(np.float64)
    said = 0.1 * level + 0.05 + np.where(level < 5, -0.05, 0.05)
    order = np.random.default_rng(seed).permutation(1000)
    assert metrics.calibration_error(label[order], said[order]) == pytest.approx(0.05)


def test_intervals_know_that_users_hang_together() -> None:
    """1,000 rows of ten users say no more than ten coins."""
    user = np.repeat(np.arange(10), 100)
    value = np.repeat(np.arange(10) % 2, 100).astype(np.float64)
    interval = metrics.user_interval(value, np.ones(1000), user.astype(np.intp))
    assert interval.estimate == 0.5
    assert interval.low < 0.3
    assert interval.high > 0.7


@pytest.mark.parametrize("users", [1, 2, 4])
@pytest.mark.parametrize("interval", [metrics.user_interval, metrics.user_share])
def test_a_handful_of_users_bounds_nothing(
    interval: Callable[..., metrics.Interval], users: int
) -> None:
    user = np.repeat(np.arange(users), 50)
    label = (np.arange(50 * users) % 3 == 0).astype(np.float64)
    found = interval(label, np.ones(len(label)), user)
    assert (found.low, found.high, found.bounded) == (-np.inf, np.inf, False)
    assert found.estimate == pytest.approx(label.mean())
    assert str(found).endswith("[too few users to bound it]")


def test_one_user_who_does_nearly_everything_is_one_user() -> None:
    """Nine others with one row each leave it to the tenth."""
    user = np.r_[np.zeros(991, np.intp), np.arange(1, 10)]
    label = np.r_[np.arange(991) % 2, np.ones(9)].astype(np.float64)
    found = metrics.user_interval(label, np.ones(1000), user)
    assert found.high - found.low > 0.5


@given(
    gains=st.lists(st.floats(-1.0, 1.0).map(lambda gain: gain**3), min_size=5, max_size=40),
    shift=st.floats(-0.5, 0.5),
)
def test_a_loss_is_beyond_chance_exactly_where_its_interval_lies_below_zero(
    gains: list[float], shift: float
) -> None:
    value = np.array(gains) + shift
    found = metrics.user_gain(value, np.ones(len(value)), np.arange(len(value)))
    assert 0.0 <= found.p_below <= 1.0
    if abs(found.high) > 1e-9:
        assert (found.p_below < 0.025) == (found.high < 0.0)


@pytest.mark.parametrize("users", [5, 10, 20, 100])
@pytest.mark.parametrize("rows", ["even", "uneven"])
def test_intervals_hold_the_truth_where_users_are_few(users: int, rows: str) -> None:
    """Gains of -1, 0, 1 whose mean differs between users; 1,000 logs, each side 2.5 % at most."""
    rng = np.random.default_rng(users)
    below = above = 0
    for _ in range(1000):
        count = rng.lognormal(2.5, 1.0, users) if rows == "uneven" else np.full(users, 20)
        user = np.repeat(np.arange(users), 1 + count.astype(int))
        mean = rng.normal(0.05, 0.1, users).clip(-0.3, 0.3)[user]
        drawn = rng.random(len(user))
        gain = (drawn < 0.15 + mean / 2).astype(float) - (drawn > 0.85 + mean / 2)
        found = metrics.user_interval(gain, np.ones(len(user)), user)
        below += found.high < 0.05
        above += found.low > 0.05
    assert max(below, above) <= 25 + 3 * 5, "three standard errors of a count of 1,000"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=5, max_size=30))
def test_a_share_stays_inside_0_and_1_and_is_never_certain(counts: list[tuple[int, int]]) -> None:
    hits, rows = (np.array(each, float) for each in zip(*counts, strict=True))
    found = metrics.user_share(np.minimum(hits, rows), rows, np.arange(len(rows)))
    assert 0.0 <= found.low <= found.estimate <= found.high <= 1.0
    assert found.low < found.high


def test_a_known_logistic_model_is_recovered() -> None:
    rng = np.random.default_rng(2)
    design = np.column_stack([np.ones(20_000), rng.normal(size=20_000)])
    truth = np.array([-1.0, 0.7])
    label = (rng.random(20_000) < logistic.sigmoid(design @ truth)).astype(np.float64)
    found = logistic.fit(
        design,
        label,
        np.ones(20_000),
        offset=np.zeros(20_000),
        prior=np.zeros(2),
        precision=np.full(2, 0.1),
    )
    np.testing.assert_allclose(found, truth, atol=0.06)


@given(st.floats(0.1, 23.9), st.integers(0, 2**32 - 1))
def test_looking_ahead_finds_every_session_as_often(reach_hours: float, seed: int) -> None:
    density = np.random.default_rng(seed).random(48)
    ahead = circular.ahead(density, reach_hours)
    assert ahead.sum() == pytest.approx(density.sum() * reach_hours * 2)
