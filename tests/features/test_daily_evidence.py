"""Everybody's evidence: the same to the bit in however many parts, and of no more than was sent."""

from __future__ import annotations

from dataclasses import astuple
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from examples import at_most
from hypothesis import given, settings
from hypothesis import strategies as st

from sendopt.features.as_of import evidence
from sendopt.features.as_of.evidence import Evidence, daily_evidence, population_evidence
from sendopt.features.as_of.viewpoints import Viewpoints

DAY_US = 86_400_000_000


def observed(rows: int, seed: int) -> pa.Table:
    """Return sends, answers and presences on some of many days, one of them by a wrong clock."""
    rng = np.random.default_rng(seed)
    known_us = rng.integers(20_000, 20_009, rows) * DAY_US + rng.integers(0, DAY_US, rows)
    known_us[: rows // 50] = 0
    is_session = rng.random(rows) < 0.4
    latency_stage = rng.integers(0, 4, rows)
    return pa.table(
        {
            "is_session": is_session,
            "latency_stage": pa.array(
                latency_stage.astype(np.uint8), mask=is_session | (latency_stage == 3)
            ),
            "known_us": known_us,
            "cell": rng.integers(0, 96, rows).astype(np.uint8),
            "propensity": pa.array(rng.random(rows), mask=is_session | (rng.random(rows) < 0.5)),
        }
    )


@pytest.mark.parametrize("at_once", [1, 7, 100])
@pytest.mark.parametrize("rows", [0, 1, 99, 1_000])
def test_in_any_parts_the_sum_is_the_same(
    monkeypatch: pytest.MonkeyPatch, rows: int, at_once: int
) -> None:
    observations = observed(rows, seed=rows)
    whole = daily_evidence(observations)
    monkeypatch.setattr(evidence, "_ROWS_AT_ONCE", at_once)
    in_parts = daily_evidence(observations)
    np.testing.assert_array_equal(in_parts.day, whole.day)
    np.testing.assert_array_equal(in_parts.sessions, whole.sessions)
    for kind in ("logged", "unlogged"):
        of_parts, of_whole = (astuple(getattr(each, kind)) for each in (in_parts, whole))
        for expected, found in zip(of_whole, of_parts, strict=True):
            np.testing.assert_array_equal(found, expected)
    sends = ~observations["is_session"].to_numpy()
    logged = observations["propensity"].is_valid().to_numpy()
    assert whole.logged.count.sum() == (sends & logged).sum()
    assert whole.unlogged.count.sum() == (sends & ~logged).sum()
    assert whole.sessions.sum() == (~sends).sum()


def everybodys(observations: pa.Table) -> Evidence:
    """Return everybody's evidence on some later days, half of it forgotten in a week."""
    at = pa.array([day * DAY_US for day in (20_001, 20_005, 20_009, 20_030)])
    seen = Viewpoints(pa.array(["anybody"] * 4), at.cast(pa.timestamp("us", tz="UTC")))
    found, row = population_evidence(
        daily_evidence(observations), seen, half_life=timedelta(days=7)
    )
    return found.rows(row)


@settings(max_examples=at_most(25), deadline=None)
@given(st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_sends_with_and_without_a_propensity_count_as_if_the_others_were_not_there(
    rows: int, seed: int
) -> None:
    observations = observed(rows, seed)
    logged = observations["propensity"].is_valid()
    without_sessions = pc.invert(observations["is_session"])
    together = everybodys(observations.filter(without_sessions))
    apart = [
        everybodys(observations.filter(pc.and_(kind, without_sessions)))
        for kind in (logged, pc.invert(logged))
    ]
    np.testing.assert_allclose(together.sends, apart[0].sends + apart[1].sends, rtol=1e-12)
    np.testing.assert_allclose(together.answers, apart[0].answers + apart[1].answers, rtol=1e-12)


@settings(max_examples=at_most(25), deadline=None)
@given(st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_weights_make_no_more_sends_of_those_that_were_logged(rows: int, seed: int) -> None:
    observations = observed(rows, seed)
    unweighed = observations.set_column(4, "propensity", pa.nulls(rows, pa.float64()))
    weighed, counted = everybodys(observations), everybodys(unweighed)
    np.testing.assert_allclose(
        weighed.sends.sum(axis=(1, 2)), counted.sends.sum(axis=(1, 2)), rtol=1e-9
    )
    np.testing.assert_array_equal(weighed.sessions, counted.sessions)
