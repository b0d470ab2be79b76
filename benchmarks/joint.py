"""Plan campaigns together, beside greedy that moves and one campaign after the other.

python benchmarks/joint.py [--users 100000] [--share 0.6] [--threads 2] [--tight 0.8 1.1 1.5]

72 hourly slots, 2 providers, 5 zones, quiet hours from 22 to 8, a gap of 4 h, 2 in 24 h, 5 in 7 d,
2 a day of a vendor's calendar; 30 % of users with history, 4 % with a message planned. Capacity a
slot is tight x messages / 72. Everything is timed in one run, after compilation; memory is the
peak of the process, with the scores.
"""

# mypy: disable-error-code="no-untyped-call, no-any-return"
# ruff: noqa: PLR0917, SIM102 - a compiled loop

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import replace

import numpy as np

from sendopt.schedule.joint import (
    Campaigns,
    Grids,
    History,
    JointProblem,
    Messages,
    Rules,
    solve,
)
from sendopt.schedule.joint.beside import NONE, room_for_seen
from sendopt.schedule.joint.kernel import entry
from sendopt.schedule.joint.reasons import rule_at
from sendopt.schedule.joint.tables import prepared

_AHEAD = np.array([-480, -300, 60, 330, 540])  # minutes of the zones
_START, _HOURS = 29_499_840, 72
_VALUE = np.array([1.0, 1.6, 0.7, 2.2, 1.2, 0.9])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.6, help="of users, whom a campaign is for")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tight", type=float, nargs="+", default=[0.8, 1.1, 1.5])
    wanted = parser.parse_args()
    _compare(world(1_000, 3, 1.1, 1.0), threads=1)
    print("| campaigns | tight | users/s | gap | over greedy | over one by one | peak GB |")
    print("|---|---|---|---|---|---|---|")
    for campaigns in (1, 3, 6):
        for tight in wanted.tight:
            problem = world(wanted.users, campaigns, tight, wanted.share)
            seconds, gap, greedy, one_by_one = _compare(problem, threads=wanted.threads)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(
                f"| {campaigns} | {tight} | {wanted.users / seconds:,.0f} | {gap:.1e} "
                f"| {greedy:+.1%} | {one_by_one:+.1%} | {peak:.1f} |",
                flush=True,
            )


def _compare(problem: JointProblem, *, threads: int) -> tuple[float, float, float, float]:
    begun = time.perf_counter()
    plan = solve(problem, threads=threads)
    seconds = time.perf_counter() - begun
    return (
        seconds,
        plan.gap,
        plan.value / _greedy(problem) - 1,
        plan.value / _one_by_one(problem, threads) - 1,
    )


def world(users: int, campaigns: int, tight: float, share: float) -> JointProblem:
    rng = np.random.default_rng(1)
    minute = _START + 60 * np.arange(_HOURS)
    local = (minute + _AHEAD[:, None]) // 60 % 24  # (zones, slots)
    allowed = np.repeat((local >= 8) & (local < 22), 2, axis=0)
    zone = rng.choice(5, users, p=[0.15, 0.3, 0.3, 0.15, 0.1])
    provider = rng.choice(2, users, p=[0.6, 0.4])
    member = rng.random((users, campaigns)) < share
    member[np.arange(users), rng.integers(0, campaigns, users)] = True
    count = member.sum(axis=1)
    user, campaign = np.nonzero(member)
    rules = Rules.rolling((1, 240), (2, 1440), (5, 7 * 1440)).and_by_day(2, offset_minutes=480)
    old = np.where(rng.random(users) < 0.3, rng.integers(1, 5, users), 0)
    planned = rng.random(users) < 0.04
    first_old = np.append(0, np.cumsum(old + planned))
    times = _START - rng.integers(1, 7 * 1440, first_old[-1])
    times[first_old[1:][planned] - 1] = _START + rng.integers(0, 60 * _HOURS, planned.sum())
    times = times[np.lexsort((times, np.repeat(np.arange(users), old + planned)))]
    bucket = 2 * np.arange(_HOURS) + np.tile([[0], [1]], (5, 1))
    capacity = (np.tile([0.6, 0.4], _HOURS) * tight * len(user) / _HOURS).astype(np.int64)
    return JointProblem(
        Messages(
            np.append(0, np.cumsum(count)),
            campaign.astype(np.int16),
            (2 * zone + provider)[user].astype(np.int32),
            _HOURS * np.arange(len(user)),
            np.full(len(user), 0.002, np.float32),
        ),
        Campaigns(_VALUE[:campaigns], np.full(campaigns, 15)),
        _scores(rng, user, campaign, local[zone]),
        Grids(
            _HOURS * np.arange(11),
            np.tile(minute, 10),
            allowed.ravel(),
            bucket.reshape(-1, 1).astype(np.int32),
        ),
        capacity,
        rules,
        History(first_old, times, np.full(len(times), 15)),
    )


def _scores(
    rng: np.random.Generator, user: np.ndarray, campaign: np.ndarray, local: np.ndarray
) -> np.ndarray:
    """Morning, noon and evening peaks that users share, each to another degree."""
    users = len(local)
    weight = rng.dirichlet([1.2, 0.8, 1.8], users).astype(np.float32)
    moved = rng.normal(0, 1.0, users).astype(np.float32)
    width = rng.uniform(1.0, 2.2, users).astype(np.float32)
    level = (0.04 * np.exp(rng.normal(0, 0.7, users))).astype(np.float32)
    by_hour = np.exp(rng.normal(0, 0.25, (6, 24))).astype(np.float32)
    later = np.repeat(np.array([1.0, 0.9, 0.85], np.float32), 24)
    scores = np.empty((len(user), _HOURS), np.float32)
    for begin in range(0, len(user), 65_536):
        rows = slice(begin, begin + 65_536)
        u, hours = user[rows], local[user[rows]].astype(np.float32)
        shape = np.full(hours.shape, 0.08, np.float32)
        for k, peak in enumerate((8.5, 12.5, 19.5)):
            away = (hours - peak - moved[u, None] + 12) % 24 - 12
            shape += weight[u, k, None] * np.exp(-0.5 * (away / width[u, None]) ** 2)
        shape *= level[u, None] * later * by_hour[campaign[rows, None], local[u]]
        shape *= 1 + 0.12 * rng.standard_normal(hours.shape, np.float32).clip(-3, 3)
        scores[rows] = np.minimum(shape, 0.95)
    return scores.ravel()


def _greedy(problem: JointProblem) -> float:
    """Campaign after campaign, users at random: the best time with room that breaks no rule."""
    tables = prepared(problem).tables
    users = np.random.default_rng(2).permutation(problem.messages.users)
    slot = np.full(len(problem.messages), -1, np.int16)
    room = np.append(problem.capacity, len(slot) + 1)
    seen = room_for_seen(int(tables.most_history + tables.widest))
    return float(_take_best(users, len(problem.campaigns.value), tables, seen, slot, room))


@entry
def _take_best(users, campaigns, t, seen, slot, room):  # type: ignore[no-untyped-def]
    worth = 0.0
    for campaign in range(campaigns):
        for user in users:
            for m in range(t.first[user], t.first[user + 1]):
                if t.campaign[m] != campaign:
                    continue
                at, best = t.grid_first[t.grid[m]], 0.0
                for s in range(t.grid_first[t.grid[m] + 1] - at):
                    brings = t.value[campaign] * t.scores[t.score_at[m] + s] - t.cost[m]
                    if brings > best and t.open[at + s] and room[t.bucket[at + s, 0]] > 0:
                        if rule_at(user, m, s, t, seen, slot) == NONE:
                            best, slot[m] = brings, s
                worth += best
                if slot[m] >= 0:
                    room[t.bucket[at + slot[m], 0]] -= 1
    return worth


def _one_by_one(problem: JointProblem, threads: int) -> float:
    """Solve for each campaign alone, beside what those before it have taken."""
    messages, history, capacity = problem.messages, problem.history, problem.capacity
    user = np.repeat(np.arange(messages.users), np.diff(messages.first))
    value = 0.0
    for campaign in range(len(problem.campaigns.value)):
        own = np.flatnonzero(messages.campaign == campaign)
        part = replace(
            problem,
            messages=Messages(
                np.searchsorted(user[own], np.arange(messages.users + 1)),
                *(
                    getattr(messages, each)[own]
                    for each in ("campaign", "grid", "score_at", "cost")
                ),
            ),
            history=history,
            capacity=capacity,
        )
        plan = solve(part, threads=threads)
        value += plan.value
        sent = plan.slot >= 0
        at = problem.grids.first[messages.grid[own]] + plan.slot
        owner = np.append(
            np.repeat(np.arange(messages.users), np.diff(history.first)), user[own[sent]]
        )
        minute = np.append(history.minute, problem.grids.minute[at[sent]])
        order = np.lexsort((minute, owner))
        history = History(
            np.searchsorted(owner[order], np.arange(messages.users + 1)),
            minute[order],
            np.full(len(minute), 15),
        )
        capacity = capacity - plan.load
    return value


if __name__ == "__main__":
    main()
