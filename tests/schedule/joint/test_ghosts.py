"""Chances that are recorded, against many draws by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from schedule.joint.checker import broken
from schedule.joint.worlds import evening_world, odd_world

from sendopt.schedule.joint import (
    expected_load,
    feasible_beside,
    ghost_capacity,
    redraw_distributions,
    share_that_stays,
    solve,
)

_HELD_OUT, _EXPLORED, _NO_SEND = 0.1, 0.5, 0.2


def test_a_cell_is_free_where_the_checker_finds_nothing():
    for seed in range(12):
        problem = odd_world(seed, users=3)
        problem = replace(problem, capacity=np.full_like(problem.capacity, 1_000))
        slot = solve(problem).slot
        for cells in feasible_beside(problem, slot, users_at_once=2):
            for i, m in enumerate(cells.messages):
                for s, free in enumerate(cells.free[cells.first[i] : cells.first[i + 1]]):
                    other = slot.copy()
                    other[m] = s
                    assert free == (broken(problem, other) == [])


def test_draws_come_as_often_as_their_propensities_say_and_fit():
    problem = evening_world(300)
    count = np.full(900, 3)
    shares = {"held_out": _HELD_OUT, "explored": _EXPLORED}
    stays = share_that_stays(problem.messages.first, **shares)
    expected = np.full(len(problem.capacity), 0.0)
    for _ in range(2):
        room = ghost_capacity(problem.capacity, expected, stays=stays)
        ghost = solve(replace(problem, capacity=room)).slot
        (cells,) = feasible_beside(problem, ghost)
        redraws = redraw_distributions(problem, cells, temperature=0.1, no_send=_NO_SEND)
        explored = (1 - _HELD_OUT) * _EXPLORED
        expected = expected_load(problem, redraws, count=count, explored=explored)
    chance = redraws.propensities(ghost, count, **shares).reshape(900, 48)

    rng = np.random.default_rng(3)
    draws, tally = 2_000, np.zeros((900, 48))
    cumulated = np.cumsum(redraws.chance.reshape(900, 48), axis=1)
    for _ in range(draws):
        slot = ghost.copy()
        chosen = rng.integers(0, 3, 300) + 3 * np.arange(300)
        chosen = chosen[rng.random(300) < _EXPLORED]
        drawn = (cumulated[chosen] <= rng.random(len(chosen))[:, None]).sum(axis=1)
        slot[chosen] = np.where(drawn < 48, drawn, -1)
        slot[np.repeat(rng.random(300) < _HELD_OUT, 3)] = -1
        sent = np.flatnonzero(slot >= 0)
        tally[sent, slot[sent]] += 1
        load = np.bincount(slot[sent], minlength=48)
        assert (load <= problem.capacity).all()
    assert not tally[chance == 0].any()
    spread = np.sqrt(draws * chance * (1 - chance))
    some = draws * chance > 20
    assert np.abs((tally - draws * chance)[some] / spread[some]).max() <= 4.5
