"""Which times rules forbid, against a checker that knows nothing of how that is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from schedule.joint.checker import broken
from schedule.joint.worlds import odd_world

from sendopt.schedule.joint import forbidden_beside, solve


def test_a_time_is_free_where_the_checker_finds_nothing():
    for seed in range(12):
        problem = odd_world(seed, users=3)
        problem = replace(problem, capacity=np.full_like(problem.capacity, 1_000))
        slot = solve(problem).slot
        rule = forbidden_beside(problem, slot)
        grids, messages = problem.grids, problem.messages
        for m, grid in enumerate(messages.grid):
            allowed = grids.allowed[grids.first[grid] : grids.first[grid + 1]]
            for s, may in enumerate(allowed):
                other = slot.copy()
                other[m] = s
                is_free = may and rule[messages.score_at[m] + s] == -1
                assert is_free == (broken(problem, other) == [])
