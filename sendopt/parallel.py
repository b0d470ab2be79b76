"""Rows that are worked on at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

AT_ONCE = 2
_FEW = 1_000  # rows that are done before a thread has begun


def shared_out(rows: int, work: Callable[[slice], object], *, shares: int | None = None) -> None:
    """Have `work` done on all rows, in `shares` of equal length, AT_ONCE at the same time."""
    shares = shares or (1 if rows < _FEW else AT_ONCE)
    if shares == 1:
        work(slice(0, rows))
        return
    ends = np.linspace(0, rows, shares + 1).astype(int).tolist()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, [slice(*each) for each in pairwise(ends)]))
