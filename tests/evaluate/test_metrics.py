"""Metrics against their definitions, written out slowly."""

from __future__ import annotations

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
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(10), 100)
    value = np.repeat(np.arange(10) % 2, 100).astype(np.float64)
    interval = metrics.user_interval(value, np.ones(1000), user.astype(np.intp), rng)
    assert interval.estimate == 0.5
    assert interval.low < 0.3
    assert interval.high > 0.7


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
