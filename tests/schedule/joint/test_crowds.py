"""Users who are alike: found, and shared out over all that they could get."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from schedule.joint.worlds import alike, evening_world

from sendopt.schedule.joint import History, JointProblem, Rules, solve
from sendopt.schedule.joint.alike import crowds_of
from sendopt.schedule.joint.passes import Passes
from sendopt.schedule.joint.tables import prepared


def crowds(problem: JointProblem) -> tuple[list[list[int]], list[int]]:
    users = np.arange(problem.messages.users)
    found = crowds_of(Passes(prepared(problem), threads=2), users)
    groups = np.split(found.users, found.first[1:-1]) if len(found.users) else []
    return [each.tolist() for each in groups], found.others.tolist()


def partly_alike(users: int, *, share: float, campaigns: int = 2) -> JointProblem:
    """An evening world in which the first users are all as the very first one."""
    problem = evening_world(users, campaigns=campaigns)
    m = problem.messages
    score_at, count = m.score_at.copy(), int(share * users) * campaigns
    score_at[:count] = np.resize(score_at[:campaigns], count)
    return replace(problem, messages=replace(m, score_at=score_at))


def test_whoever_is_alike_is_found_and_nobody_else() -> None:
    problem = alike(200, 10)
    assert crowds(problem) == ([list(range(200))], [])
    m = problem.messages
    cost, scores = m.cost.copy(), np.append(problem.scores, problem.scores)
    cost[[3, 5]] = 0.01, 0.02
    scores[-1] += 0.001
    score_at = m.score_at.copy()
    score_at[100:150] = 24
    score_at[190:] = 24
    history = History(
        np.append(0, np.cumsum(np.isin(np.arange(200), [7, 8]))),
        np.array([0, 0]),
        np.array([0, 1]),
    )
    told_apart = replace(
        problem,
        messages=replace(m, cost=cost, score_at=score_at),
        scores=scores,
        history=history,
        rules=Rules.rolling((1, 60)),
    )
    (one, other), rest = crowds(told_apart)
    assert rest == [3, 5, 7, 8]
    assert {len(one), len(other)} == {60, 136}
    assert [*range(100, 150), *range(190, 200)] in (one, other)
    phase = np.zeros(200, np.int32)
    phase[:20] = 5
    assert crowds(replace(problem, phase=phase)) == ([list(range(20, 200))], [*range(20)])


@pytest.mark.parametrize("capacity", [100, 300, 5_000])
def test_a_crowd_fills_the_best_hours_to_the_brim(capacity: int) -> None:
    found = solve(alike(5_000, capacity))
    best = np.sort(0.5 - 0.01 * np.abs(np.arange(24) - 18))[::-1]
    filled = np.clip(5_000 - capacity * np.arange(24), 0, capacity)
    assert found.value == pytest.approx(float(best @ filled), rel=1e-6)
    assert found.bound == pytest.approx(found.value, rel=1e-6)
    assert (found.slot >= 0).sum() == min(5_000, 24 * capacity)


def test_no_place_in_the_list_is_better_than_another() -> None:
    problem = alike(6_000, 400)
    slot = solve(problem).slot
    worth = np.append(problem.scores, 0.0)[slot]
    first, last = worth[:3_000].mean(), worth[3_000:].mean()
    assert abs(first - last) < 4 * worth.std() / np.sqrt(1_500)


@pytest.mark.parametrize(("share", "users", "gap"), [(1.0, 4_000, 1e-4), (0.9, 3_000, 2e-3)])
def test_crowds_and_others_share_what_there_is(share: float, users: int, gap: float) -> None:
    problem = partly_alike(users, share=share)
    one, two = solve(problem, threads=1), solve(problem, threads=2)
    assert one.value >= (1.0 - gap) * one.bound
    assert one.value <= (1.0 + 1e-6) * one.bound
    assert (one.load <= problem.capacity).all()
    assert (one.slot == two.slot).all()
    assert (one.prices == two.prices).all()


def test_more_others_than_the_program_holds_pay_its_prices() -> None:
    problem = partly_alike(6_000, share=0.8, campaigns=1)
    found = solve(problem, threads=2)
    assert found.value >= 0.98 * found.bound
    assert (found.load <= problem.capacity).all()
