"""Every solver ends at the maximum, however hostile its input, or says that it did not.

The maximum is known in two ways that share no code with ours: SciPy's trust-region method, started
where ours ended, finds nothing higher; and what Newton's next step would gain is nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp

from sendopt.errors import SolverFailed
from sendopt.features import DAY_TYPES, HALF_HOURS, LATENCY_STAGES, Evidence
from sendopt.learn.level_shape import activity_prior, hazard
from sendopt.learn.level_shape.delays import STAGES, Delays, of_individuals
from sendopt.learn.numerics import clock_modes, hazard_modes, logistic

seeds = st.integers(0, 2**32 - 1)
offsets = st.sampled_from([0.0, 3.0, -10.0, 40.0, -40.0])
powers = st.floats(-9.0, 6.0)
answered = st.sampled_from(["some", "none", "all", "one in a million", "separable"])
columns = st.sampled_from(["ordinary", "one-hot", "collinear", "of many sizes"])

CELLS = DAY_TYPES * HALF_HOURS


def assert_is_maximum(
    height: Callable[[np.ndarray], float],
    slope: Callable[[np.ndarray], np.ndarray],
    curvature: Callable[[np.ndarray], np.ndarray],
    found: np.ndarray,
) -> None:
    gradient, bend = slope(found), curvature(found)
    scale = 1.0 / np.sqrt(np.diag(bend))
    scaled = scale * gradient
    step = np.linalg.lstsq(bend * np.outer(scale, scale), scaled)[0]
    assert scaled @ step <= 1e-7 + 1e-25 * abs(height(found)), "nats that another step would gain"
    other = minimize(
        lambda b: -height(found + scale * b),
        np.zeros(len(found)),
        jac=lambda b: -scale * slope(found + scale * b),
        hess=lambda b: np.outer(scale, scale) * curvature(found + scale * b),
        method="trust-exact",
    )
    assert height(found) >= -other.fun - 1e-6 * max(1.0, abs(other.fun))


@settings(max_examples=at_most(150), deadline=None)
@given(answered, columns, offsets, powers, powers, st.integers(2, 400), seeds)
def test_a_logistic_regression_ends_at_its_maximum(  # noqa: PLR0917
    kind: str, form: str, offset: float, weight: float, precise: float, rows: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(rows), rng.normal(size=(rows, 3))])
    if form == "one-hot":
        design = np.eye(4)[rng.integers(0, 4, rows)]
    if form == "collinear":
        design[:, 3] = design[:, 2] * (1.0 + 1e-9)
    if form == "of many sizes":
        design = design * np.array([1.0, 1e-3, 1.0, 1e3])
    label = (rng.random(rows) < 0.3).astype(float)
    if kind != "some":
        label = (design[:, 1] > 0.0).astype(float) if kind == "separable" else np.zeros(rows)
    if kind == "all":
        label[:] = 1.0
    weights = np.full(rows, 10.0**weight)
    if kind == "one in a million":
        label[0], weights = 1.0, np.full(rows, 1e6 / rows)
    known, prior = np.full(rows, offset), np.array([0.0, 1.0, 0.0, 1.0])
    precision = np.array([0.01, 4.0, 1.0, 1.0]) * 10.0**precise
    found = logistic.fit(design, label, weights, offset=known, prior=prior, precision=precision)

    def height(b: np.ndarray) -> float:
        side = (2.0 * label - 1.0) * (known + design @ b)
        return float(weights @ log_expit(side) - 0.5 * precision @ (b - prior) ** 2)

    def slope(b: np.ndarray) -> np.ndarray:
        sign = 2.0 * label - 1.0
        missed = weights * sign * expit(-sign * (known + design @ b))
        return design.T @ missed - precision * (b - prior)

    def curvature(b: np.ndarray) -> np.ndarray:
        logit = known + design @ b
        bend = weights * expit(logit) * expit(-logit)
        return (design * bend[:, None]).T @ design + np.diag(precision)

    assert_is_maximum(height, slope, curvature, found)


@settings(max_examples=at_most(100), deadline=None)
@given(answered, offsets, powers, powers, st.booleans(), st.booleans(), seeds)
def test_every_curve_of_counts_ends_at_its_maximum(  # noqa: PLR0917
    kind: str,
    offset: float,
    weight: float,
    precise: float,
    poisson: bool,
    by_stage: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    stages = 3
    waves, variance = hazard.waves_of_the_day(0.6, 1.0)
    at_risk = 10.0**weight * (rng.random((stages, CELLS)) < 0.3) * rng.integers(1, 9, CELLS)
    share = {"none": 0.0, "all": 1.0}.get(kind, rng.random((stages, CELLS)))
    if kind == "separable":
        share = np.arange(CELLS) < CELLS // 2
    happened = at_risk * share
    if kind == "one in a million":
        at_risk[0, 7], happened = 1e6, np.zeros_like(at_risk)
        happened[0, 7] = 1.0
    known = np.full((stages, CELLS), offset) + rng.normal(size=(stages, CELLS))
    precision = 1.0 / np.concatenate([np.full(stages if by_stage else 0, 0.64), variance])
    precision = precision * 10.0 ** (precise / 2.0)
    own, spread = np.zeros((1, len(precision))), np.empty((1, HALF_HOURS))
    family = hazard_modes.POISSON if poisson else hazard_modes.BINOMIAL
    failed = hazard_modes.modes(
        at_risk[None], happened[None], known[None], waves, precision, family, own, spread
    )
    assert failed == 0
    # Whoever does not ask how sure it is gets the mode another way.
    alone = np.zeros_like(own)
    failed = hazard_modes.modes(
        at_risk[None], happened[None], known[None], waves, precision, family, alone, spread[:0]
    )
    assert failed == 0

    each = np.tile(waves, (stages * DAY_TYPES, 1))
    constants = np.repeat(np.eye(stages), CELLS, axis=0) if by_stage else np.zeros((len(each), 0))
    design, tried = np.hstack([constants, each]), at_risk.ravel()
    busy = tried > 0.0
    design, tried, hits, base = (
        design[busy],
        tried[busy],
        happened.ravel()[busy],
        known.ravel()[busy],
    )

    def height(b: np.ndarray) -> float:
        eta = base + design @ b
        if poisson:
            return float(hits @ eta - tried @ np.exp(eta) - 0.5 * precision @ b**2)
        likelihood = hits @ log_expit(eta) + (tried - hits) @ log_expit(-eta)
        return float(likelihood - 0.5 * precision @ b**2)

    def slope(b: np.ndarray) -> np.ndarray:
        eta = base + design @ b
        missed = hits * expit(-eta) - (tried - hits) * expit(eta)
        missed = hits - tried * np.exp(eta) if poisson else missed
        return design.T @ missed - precision * b

    def curvature(b: np.ndarray) -> np.ndarray:
        eta = base + design @ b
        bend = tried * (np.exp(eta) if poisson else expit(eta) * expit(-eta))
        return (design * bend[:, None]).T @ design + np.diag(precision)

    assert_is_maximum(height, slope, curvature, own[0])
    assert_is_maximum(height, slope, curvature, alone[0])
    covariance = np.linalg.inv(curvature(own[0]))[-waves.shape[1] :, -waves.shape[1] :]
    np.testing.assert_allclose(spread[0], ((waves @ covariance) * waves).sum(axis=1), rtol=1e-3)


@settings(max_examples=at_most(60), deadline=None)
@given(arrays(np.float64, (1, DAY_TYPES, HALF_HOURS), elements=st.floats(0, 1e6)), seeds)
def test_a_users_activity_ends_at_its_maximum(found: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = found * (rng.random(found.shape) < 0.3)
    prior = activity_prior.unlearned()
    counts = found.reshape(1, DAY_TYPES, 24, 2).sum(axis=-1)
    begin = rng.normal(0.0, 5.0, (1, DAY_TYPES * 24))
    own, _, _ = activity_prior._posteriors(prior, counts, begin)
    precision, count = np.linalg.inv(prior.covariance), counts.reshape(DAY_TYPES, 24)

    def logs(b: np.ndarray) -> np.ndarray:
        return (prior.mean + b).reshape(DAY_TYPES, 24)

    def density(b: np.ndarray) -> np.ndarray:
        return np.exp(logs(b) - logsumexp(logs(b), axis=1, keepdims=True))

    def height(b: np.ndarray) -> float:
        whole = count.sum(axis=1) @ logsumexp(logs(b), axis=1)
        return float((count * logs(b)).sum() - whole - 0.5 * b @ precision @ b)

    def slope(b: np.ndarray) -> np.ndarray:
        expected = count.sum(axis=1, keepdims=True) * density(b)
        return (count - expected).ravel() - precision @ b

    def curvature(b: np.ndarray) -> np.ndarray:
        bend = precision.copy()
        for day_type, (p, total) in enumerate(zip(density(b), count.sum(axis=1), strict=True)):
            here = slice(24 * day_type, 24 * day_type + 24)
            bend[here, here] += total * (np.diag(p) - np.outer(p, p))
        return bend

    assert_is_maximum(height, slope, curvature, own[0])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_and_never_taken_for_a_solution(wrong: float) -> None:
    sent = np.ones((2, DAY_TYPES, HALF_HOURS))
    opened = np.zeros((2, len(LATENCY_STAGES), DAY_TYPES, HALF_HOURS))
    seen = Evidence(np.zeros_like(sent), sent, opened)
    known = np.zeros((2, len(LATENCY_STAGES), 1, 1))
    known[1] = wrong
    waves, variance = hazard.waves_of_the_day(0.6, 1.0)
    with pytest.raises(SolverFailed, match="1 of 2 rows"):
        hazard.modes(seen, known, waves[None], variance, stage_sd=1.0)
    with pytest.raises(SolverFailed):
        hazard.levels(seen, np.full((2, DAY_TYPES, HALF_HOURS), wrong), 1.0)
    with pytest.raises(SolverFailed):
        activity_prior.posterior(activity_prior.unlearned(), sent * np.nan)
    with pytest.raises(SolverFailed, match="3 rows"):
        logistic.fit(
            np.ones((3, 1)),
            np.zeros(3),
            np.ones(3),
            offset=np.array([0.0, wrong, 0.0]),
            prior=np.zeros(1),
            precision=np.ones(1),
        )


def test_where_the_search_gives_up_no_number_is_left_to_be_taken_for_a_solution() -> None:
    """Negative counts are finite, and bend the posterior so that it has no maximum."""
    waves, precision = np.cos(np.arange(48)[:, None] * np.arange(1, 4)), np.ones(4)
    at_risk = np.stack([np.ones((1, 48)), np.full((1, 48), -5.0)])
    own, spread = np.zeros((2, 4)), np.empty((2, 48))
    seen = at_risk, np.zeros_like(at_risk), np.zeros_like(at_risk)
    assert hazard_modes.modes(*seen, waves, precision, hazard_modes.BINOMIAL, own, spread) == 1
    for found in (own, spread):
        assert np.isfinite(found[0]).all()
        assert np.isnan(found[1]).all()

    prior = activity_prior.unlearned()
    counts = np.ones((2, DAY_TYPES, 24))
    counts[1] = -100.0 * np.arange(24)
    modes, variance, of_density = (np.zeros((2, DAY_TYPES * 24)) for _ in range(3))
    given = counts, prior.mean, prior.covariance, prior.precision
    second = np.zeros_like(prior.covariance)
    assert clock_modes.posteriors(*given, modes, variance, of_density, second, True, False) == 1
    for found in (modes, variance, of_density):
        assert np.isfinite(found[0]).all()
        assert np.isnan(found[1]).all()


@given(
    st.lists(st.floats(1e-6, 1.0 - 1e-6), min_size=1, max_size=50),
    st.lists(st.floats(1e-9, 3.0), min_size=len(STAGES), max_size=len(STAGES)),
)
def test_delays_of_single_moments_give_back_everybodys(
    probability: list[float], steps: list[float]
) -> None:
    learned = timedelta(minutes=30)
    everybody, said = Delays(tuple(np.cumsum(steps).tolist())), np.array(probability)
    own = of_individuals(everybody, said, learned=learned)
    silent = np.log1p(-said.mean())
    for stage in STAGES:
        wanted = silent * everybody.within(stage) / everybody.within(learned)
        of_all = logsumexp(np.log1p(-said) * own.within(stage)) - np.log(len(said))
        assert of_all == pytest.approx(wanted, rel=1e-6, abs=1e-12)
