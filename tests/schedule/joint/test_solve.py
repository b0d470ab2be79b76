"""Plans against a checker that enumerates windows, and against an exact solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule.joint.checker import broken
from schedule.joint.exact import exact_value
from schedule.joint.worlds import odd_world

from sendopt.schedule.joint import solve


@given(st.integers(0, 1_000_000))
@settings(max_examples=150, deadline=None)
def test_no_limit_is_ever_broken_and_the_bound_is_above_what_is_best(seed):
    problem = odd_world(seed)
    plan = solve(problem)
    assert broken(problem, plan.slot) == []
    best = exact_value(problem)
    assert plan.value <= best + 1e-6
    assert best <= plan.bound + 1e-6


@given(st.integers(0, 1_000_000))
@settings(max_examples=60, deadline=None)
def test_one_user_without_capacity_is_planned_exactly(seed):
    problem = odd_world(seed, users=1)
    free = np.full_like(problem.capacity, 1_000)
    problem = type(problem)(**{**vars(problem), "capacity": free})
    assert solve(problem).value == pytest.approx(exact_value(problem), abs=1e-5)
