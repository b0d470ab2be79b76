"""What users' answers say is where the posterior is highest, and as sure as it is sharp."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sendopt.features import DAY_TYPES, HALF_HOURS, LATENCY_STAGES, Evidence
from sendopt.learn.level_shape import hazard
from sendopt.learn.numerics.logistic import sigmoid

STAGES = len(LATENCY_STAGES)


def a_history(rng: np.random.Generator, sends: int) -> tuple[np.ndarray, np.ndarray]:
    """Decayed sends by cell, and the answers among them by stage and cell."""
    cell, weight = rng.integers(0, DAY_TYPES * HALF_HOURS, sends), rng.random(sends)
    stage = rng.integers(0, STAGES + 1, sends)
    sent, answered = np.zeros(DAY_TYPES * HALF_HOURS), np.zeros((STAGES, DAY_TYPES * HALF_HOURS))
    np.add.at(sent, cell, weight)
    for number in range(STAGES):
        np.add.at(answered[number], cell[stage == number], weight[stage == number])
    return sent, answered


@settings(max_examples=30)
@given(st.integers(0, 300), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_mode_is_flat_and_the_variance_is_its_sharpness(
    sends: int, weekends_differ: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sent, answered = a_history(rng, sends)
    seen = Evidence(
        np.zeros((1, DAY_TYPES, HALF_HOURS)),
        sent.reshape(1, DAY_TYPES, HALF_HOURS),
        answered.reshape(1, STAGES, DAY_TYPES, HALF_HOURS),
    )
    waves, variance = hazard.waves_of_the_day(0.6, 1.0)
    shared = np.stack([waves, 0.5 * waves]) if weekends_differ else waves[None]
    offset = rng.normal(-1.0, 0.5, (1, STAGES, DAY_TYPES, HALF_HOURS))
    own, spread = hazard.modes(seen, offset, shared, variance, stage_sd=0.8)

    # The same model, written as one logistic regression of stages and waves.
    each = np.broadcast_to(shared, (DAY_TYPES, *waves.shape)).reshape(-1, waves.shape[1])
    design = np.hstack([np.repeat(np.eye(STAGES), len(each), axis=0), np.tile(each, (STAGES, 1))])
    tried = np.concatenate([sent - answered[:number].sum(axis=0) for number in range(STAGES)])
    precision = np.diag(1.0 / np.concatenate([np.full(STAGES, 0.8**2), variance]))
    found = np.concatenate([np.zeros(STAGES), own[0]])
    for _ in range(50):  # the stages' constants are not told: find them, the waves held
        p = sigmoid(offset.ravel() + design @ found)
        slope = design.T @ (answered.ravel() - tried * p) - precision @ found
        bend = design.T @ (design * (tried * p * (1.0 - p))[:, None]) + precision
        found[:STAGES] += np.linalg.solve(bend[:STAGES, :STAGES], slope[:STAGES])
    assert np.abs(np.linalg.solve(bend, slope)).max() < 1e-6
    covariance = np.linalg.inv(bend)[STAGES:, STAGES:]
    flat = shared.reshape(-1, waves.shape[1])
    np.testing.assert_allclose(spread.ravel(), ((flat @ covariance) * flat).sum(axis=1), rtol=1e-4)
