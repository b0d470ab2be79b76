"""Medians of durations."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def median_seconds(work: Callable[[], object], *, runs: int = 5) -> float:
    durations = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        durations.append(time.perf_counter() - begun)
    return statistics.median(durations)
