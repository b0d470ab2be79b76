"""Intervals and tests that may be looked at every day: valid by simulation, exact by definition."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.evaluate import sequential

LOOKS, PATHS = 300, 2000


@pytest.mark.parametrize("error_at_end", [0.002, 0.01, 0.05])
def test_watching_to_the_end_misses_the_truth_in_at_most_one_of_twenty(error_at_end: float) -> None:
    """Estimates whose information grows evenly from look to look, as those of an experiment."""
    rng = np.random.default_rng(5)
    information = np.arange(1, LOOKS + 1) / LOOKS / error_at_end**2
    steps = rng.normal(size=(PATHS, LOOKS)) * np.sqrt(np.diff(information, prepend=0.0))
    estimate = steps.cumsum(axis=1) / information
    radius = np.array([sequential.radius(1 / known) for known in information])
    assert (np.abs(estimate) > radius).any(axis=1).mean() <= 0.05
    single = (np.abs(estimate) > 1.96 / np.sqrt(information)).any(axis=1).mean()
    assert single > 0.3, "what an interval of one look would have done"


@given(st.floats(1e-4, 0.2), st.floats(1.01, 10.0))
def test_more_information_never_widens_the_interval(error: float, factor: float) -> None:
    wide, narrow = sequential.radius((error * factor) ** 2), sequential.radius(error**2)
    assert 1.96 * error < narrow < wide


@given(st.floats(0.001, 0.3))
def test_the_resolving_variance_leaves_the_power_that_was_asked_for(effect: float) -> None:
    variance = sequential.resolving_variance(effect)
    assert sequential.radius(variance) + 0.8416 * sqrt(variance) == pytest.approx(effect, rel=1e-3)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_right_draw_is_hardly_ever_doubted_at_any_look(share: float) -> None:
    rng = np.random.default_rng(6)
    drawn = rng.random((300, 400)) < share
    doubted = 0
    for path in drawn.cumsum(axis=1):
        p_values = [
            sequential.ratio_p_value(int(hits), count, share)
            for count, hits in enumerate(path, start=1)
        ]
        doubted += min(p_values) < 0.05
    assert doubted / len(drawn) <= 0.05


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.05, 0.95))
def test_the_ratio_p_value_is_the_evidence_of_a_uniform_mixture(
    hits: int, misses: int, share: float
) -> None:
    grid = (np.arange(20_000) + 0.5) / 20_000
    mixture = float(np.mean(grid**hits * (1 - grid) ** misses))
    evidence = mixture / (share**hits * (1 - share) ** misses)
    found = sequential.ratio_p_value(hits, hits + misses, share)
    assert found == pytest.approx(min(1.0, 1.0 / evidence), rel=1e-2)
