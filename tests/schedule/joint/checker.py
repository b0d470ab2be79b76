"""Which limits a plan breaks, told without any of the planner's code: windows are enumerated."""

from __future__ import annotations

import numpy as np

from sendopt.schedule.joint import JointProblem


def minutes(problem: JointProblem, user: int, message: int) -> list[int]:
    grids, phase = problem.grids, problem.phase
    grid = problem.messages.grid[message]
    later = 0 if phase is None else int(phase[user])
    return (grids.minute[grids.first[grid] : grids.first[grid + 1]] + later).tolist()


def worth(problem: JointProblem, message: int) -> np.ndarray:
    messages, grids = problem.messages, problem.grids
    grid = messages.grid[message]
    length = grids.first[grid + 1] - grids.first[grid]
    scores = problem.scores[messages.score_at[message] :][:length].astype(float)
    value = problem.campaigns.value[messages.campaign[message]]
    return value * scores - float(messages.cost[message])


def buckets(problem: JointProblem, message: int, slot: int) -> list[int]:
    at = problem.grids.first[problem.messages.grid[message]] + slot
    return [b for b in problem.grids.buckets[at].tolist() if b >= 0]


def broken(problem: JointProblem, slot: np.ndarray) -> list[str]:
    """Name everything that is wrong with a plan."""
    found = []
    load = np.zeros(len(problem.capacity), int)
    first = problem.messages.first
    for user in range(len(first) - 1):
        new = []
        for m in range(first[user], first[user + 1]):
            s = int(slot[m])
            if s < 0:
                continue
            at = problem.grids.first[problem.messages.grid[m]] + s
            if at >= problem.grids.first[problem.messages.grid[m] + 1]:
                found.append(f"message {m} at no slot of its")
            if not problem.grids.allowed[at]:
                found.append(f"message {m} at a slot that is not allowed")
            load[buckets(problem, m, s)] += 1
            new.append(
                (
                    minutes(problem, user, m)[s],
                    problem.campaigns.rules[problem.messages.campaign[m]],
                )
            )
        found += [f"user {user}: {each}" for each in _broken_rules(problem, user, new)]
    over = np.flatnonzero(load > problem.capacity)
    return found + [f"bucket {b} holds {load[b]}" for b in over]


def _broken_rules(problem: JointProblem, user: int, new: list) -> list[str]:
    history, rules = problem.history, problem.rules
    rows = range(history.first[user], history.first[user + 1])
    found = []
    for r in range(len(rules)):
        of_new = [t for t, bits in new if bits >> r & 1]
        old = [int(history.minute[i]) for i in rows if history.rules[i] >> r & 1]
        for window in windows(problem, r, of_new + old):
            inside = sum(t in window for t in of_new)
            if inside and inside + sum(t in window for t in old) > rules.at_most[r]:
                found.append(f"rule {r} in {window}")
    return found


def windows(problem: JointProblem, r: int, times: list[int]) -> list[range]:
    """Every window of a rule in which one of the times is the first."""
    rules = problem.rules
    length = int(rules.window_minutes[r])
    if rules.by_day[r]:
        offset = int(rules.day_offset[r])
        begins = {(t + offset) // length * length - offset for t in times}
    else:
        begins = set(times)
    return [range(begin, begin + length) for begin in sorted(begins)]
