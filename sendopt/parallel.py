"""Rows that are worked on at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")

AT_ONCE = 2
_FEW = 1_000  # rows that are done before a thread has begun


def shared_out(
    rows: int, work: Callable[[slice], Result], *, shares: int | None = None
) -> list[Result]:
    """Have `work` done on all rows, in `shares` of equal length, AT_ONCE at the same time.

    How rows are shared out depends on their number alone. Returns what each share came to, in the
    order of the rows.
    """
    shares = shares or (1 if rows < _FEW else AT_ONCE)
    if shares == 1:
        return [work(slice(0, rows))]
    ends = np.linspace(0, rows, shares + 1).astype(int).tolist()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, [slice(*each) for each in pairwise(ends)]))
