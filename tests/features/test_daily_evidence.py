"""Everybody's evidence is the same to the bit in however many parts it is added up."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pyarrow as pa
import pytest

from sendopt.features.as_of import evidence
from sendopt.features.as_of.evidence import daily_evidence

DAY_US = 86_400_000_000


def observed(rows: int, seed: int) -> pa.Table:
    """Return sends, answers and presences on some of many days, one of them by a wrong clock."""
    rng = np.random.default_rng(seed)
    known_us = rng.integers(20_000, 20_009, rows) * DAY_US + rng.integers(0, DAY_US, rows)
    known_us[: rows // 50] = 0
    is_session = rng.random(rows) < 0.4
    promptness = rng.integers(0, 4, rows)
    return pa.table(
        {
            "is_session": is_session,
            "promptness": pa.array(
                promptness.astype(np.uint8), mask=is_session | (promptness == 3)
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
    np.testing.assert_array_equal(in_parts.sends, whole.sends)
    for expected, found in zip(astuple(whole.evidence), astuple(in_parts.evidence), strict=True):
        np.testing.assert_array_equal(found, expected)
    sends = ~observations["is_session"].to_numpy()
    assert whole.sends.sum() == sends.sum()
    assert whole.evidence.sessions.sum() == (~sends).sum()
