"""Plans against a checker that enumerates windows, and against an exact solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule.joint.checker import broken
from schedule.joint.exact import exact_value
from schedule.joint.worlds import alike, evening_world, odd_world

from sendopt.schedule.joint import BY_CAPACITY, NO_ALLOWED_SLOT, cost_of, resolve, solve


@given(st.integers(0, 1_000_000))
@settings(max_examples=100, deadline=None)
def test_no_limit_is_ever_broken_and_the_bound_is_above_what_is_best(seed):
    problem = odd_world(seed)
    plan = solve(problem)
    assert broken(problem, plan.slot) == []
    best = exact_value(problem)
    assert plan.value <= best + 1e-6
    assert best <= plan.bound + 1e-6


@given(st.integers(0, 1_000_000))
@settings(max_examples=40, deadline=None)
def test_one_user_without_capacity_is_planned_exactly(seed):
    problem = odd_world(seed, users=1)
    free = np.full_like(problem.capacity, 1_000)
    problem = type(problem)(**{**vars(problem), "capacity": free})
    assert solve(problem).value == pytest.approx(exact_value(problem), abs=1e-5)


def test_users_who_are_all_alike_are_split_over_the_best_hours():
    plan = solve(alike(100, 60))
    assert plan.load[18] == 60
    assert plan.load[17] + plan.load[19] == 40


def test_a_small_tenant_is_within_a_hundredth_of_the_best_plan():
    problem = evening_world(60)
    plan = solve(problem)
    best = exact_value(problem, gap=1e-4)
    assert broken(problem, plan.slot) == []
    assert plan.value >= 0.99 * best
    assert plan.bound >= best * (1 - 1e-4)


def test_two_threads_give_the_bits_of_one():
    problem = evening_world(5_000)
    one, two = solve(problem, threads=1), solve(problem, threads=2)
    assert one.slot.tobytes() == two.slot.tobytes()
    assert one.prices.tobytes() == two.prices.tobytes()
    assert (one.value, one.bound) == (two.value, two.bound)


def test_many_users_are_settled_by_some_of_them():
    problem = evening_world(130_000, campaigns=1)
    one, two = solve(problem, threads=1), solve(problem, threads=2)
    assert (one.load <= problem.capacity).all()
    assert one.value <= one.bound
    assert one.gap < 1e-4
    assert np.array_equal(one.slot, two.slot)
    assert one.bound == two.bound


def test_who_changed_is_planned_anew_and_nobody_else_moves():
    problem = evening_world(2_000)
    plan = solve(problem)
    scores = problem.scores.copy()
    changed = np.arange(0, 2_000, 100)
    for user in changed:
        scores[user * 3 * 48 : (user + 1) * 3 * 48] = scores[user * 3 * 48 :][:144][::-1]
    again = replace(problem, scores=scores)
    new = resolve(again, plan, changed)
    others = ~np.isin(np.arange(6_000) // 3, changed)
    assert (new.slot[others] == plan.slot[others]).all()
    assert broken(again, new.slot) == []
    assert new.value <= new.bound
    assert new.gap < 0.05


def test_a_limit_costs_within_its_interval():
    problem = evening_world(40)
    plan = solve(problem)
    low, high = cost_of(problem, plan, without_rules=0b10)
    free = replace(problem, campaigns=replace(problem.campaigns, rules=np.full(3, 0b01)))
    true = exact_value(free, gap=1e-5) - exact_value(problem, gap=1e-5)
    assert low - 1e-3 <= true <= high + 1e-3


def test_empty_and_closed_problems_have_empty_plans():
    assert len(solve(alike(0, 5)).slot) == 0
    closed = alike(3, 0)
    plan = solve(closed)
    assert (plan.slot == -1).all()
    assert (plan.bound_by == BY_CAPACITY).all()
    quiet = replace(closed, grids=replace(closed.grids, allowed=np.zeros(24, np.bool_)))
    assert (solve(quiet).bound_by == NO_ALLOWED_SLOT).all()
