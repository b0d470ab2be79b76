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
