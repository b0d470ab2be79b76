"""Random problems, small and large."""

from __future__ import annotations

import numpy as np

from sendopt.schedule.joint import (
    Campaigns,
    Grids,
    History,
    JointProblem,
    Messages,
    Rules,
)

_DAY = 24 * 60
START = 20_000 * _DAY


def odd_world(seed: int, *, users: int = 6) -> JointProblem:
    """A small problem with whatever may be: uneven grids, two buckets, half-counted campaigns."""
    rng = np.random.default_rng(seed)
    grids = int(rng.integers(1, 4))
    minute, first = [], [0]
    for _ in range(grids):
        slots = int(rng.integers(1, 9))
        spacing = int(rng.choice([7, 60, 240, 600]))
        at = (
            START
            + int(rng.integers(0, 600))
            + np.sort(rng.choice(10 * slots, slots, replace=False) * spacing)
        )
        minute.append(at)
        first.append(first[-1] + slots)
    slots = first[-1]
    buckets = int(rng.integers(0, 7))
    bucket = rng.integers(-1, max(buckets, 1), (slots, int(rng.integers(0, 3)))).astype(np.int32)
    if not buckets:
        bucket[:] = -1
    if bucket.shape[1] == 2:
        bucket[bucket[:, 0] == bucket[:, 1], 1] = -1
    rules = Rules.rolling(
        *(
            (
                int(rng.integers(0 if rng.random() < 0.05 else 1, 4)),
                int(rng.choice([90, 600, 1440, 4000])),
            )
            for _ in range(rng.integers(0, 4))
        )
    )
    if rng.random() < 0.5:
        rules = rules.and_by_day(int(rng.integers(1, 3)), offset_minutes=480)
    campaigns = int(rng.integers(1, 5))
    everything = (1 << len(rules)) - 1
    counted = np.full(campaigns, everything)
    if rng.random() < 0.5:
        counted = rng.integers(0, everything + 1, campaigns)
    count = rng.integers(0, 6, users)
    messages = int(count.sum())
    grid = rng.integers(0, grids, messages).astype(np.int32)
    lengths = np.diff(first)[grid]
    scores = rng.random(int(lengths.sum()) + 1).astype(np.float32)
    if rng.random() < 0.2:
        scores = np.round(scores, 1)  # ties
    old = rng.integers(0, 4, users) * (rng.random() < 0.7)
    times = np.concatenate(
        [np.sort(START + rng.integers(-3000, 4000, n)) for n in old] or [np.zeros(0)]
    )
    return JointProblem(
        Messages(
            np.append(0, np.cumsum(count)),
            rng.integers(0, campaigns, messages).astype(np.int16),
            grid,
            np.append(0, np.cumsum(lengths))[:-1].astype(np.int64),
            (rng.random(messages) * 0.3).astype(np.float32),
        ),
        Campaigns(rng.choice([0.0, 0.5, 1.0, 3.0], campaigns), counted.astype(np.int64)),
        scores,
        Grids(
            np.array(first),
            np.concatenate(minute).astype(np.int64),
            rng.random(slots) < 0.8,
            bucket,
        ),
        rng.integers(0, 5, buckets),
        rules,
        History(
            np.append(0, np.cumsum(old)),
            times.astype(np.int64),
            rng.integers(0, everything + 1, len(times)),
        ),
        rng.integers(0, 60, users).astype(np.int32) if rng.random() < 0.5 else None,
    )


def alike(users: int, capacity: int) -> JointProblem:
    """Users with one curve: best at 18:00, a hundredth less per hour away."""
    hours = np.arange(24)
    curve = (0.5 - 0.01 * np.abs(hours - 18)).astype(np.float32)
    return JointProblem(
        Messages(
            np.arange(users + 1),
            np.zeros(users, np.int16),
            np.zeros(users, np.int32),
            np.zeros(users, np.int64),
            np.zeros(users, np.float32),
        ),
        Campaigns(np.ones(1), np.zeros(1, np.int64)),
        curve,
        Grids(
            np.array([0, 24]),
            START + 60 * hours,
            np.ones(24, np.bool_),
            hours.astype(np.int32)[:, None],
        ),
        np.full(24, capacity),
        Rules.rolling(),
        History.none(users),
    )


def evening_world(users: int, *, campaigns: int = 3, seed: int = 1) -> JointProblem:
    """Users who like the same hours of two days, in all campaigns; capacity is short then."""
    rng = np.random.default_rng(seed)
    hours = np.arange(48)
    peak = np.exp(-0.5 * ((hours % 24 - 19 - rng.normal(0, 1.5, users)[:, None]) / 2.5) ** 2)
    messages = users * campaigns
    noise = rng.uniform(0.8, 1.2, (messages, 48))
    scores = (0.02 + 0.3 * np.repeat(peak, campaigns, axis=0)) * noise
    return JointProblem(
        Messages(
            np.arange(users + 1) * campaigns,
            np.tile(np.arange(campaigns), users).astype(np.int16),
            np.zeros(messages, np.int32),
            np.arange(messages) * 48,
            np.full(messages, 0.005, np.float32),
        ),
        Campaigns(np.array([1.0, 1.5, 0.7])[:campaigns], np.full(campaigns, 3)),
        scores.ravel().astype(np.float32),
        Grids(
            np.array([0, 48]),
            START + 60 * hours,
            (hours % 24 >= 8) & (hours % 24 < 22),
            hours.astype(np.int32)[:, None],
        ),
        np.full(48, max(messages // 30, 1)),
        Rules.rolling((1, 240), (2, 1440)),
        History.none(users),
    )
