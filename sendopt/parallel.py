"""Rows that are worked on at the same time, by no more threads than there are cores."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

from sendopt.cores import cores

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 2
_FEW = 1_000  # rows, up to which they are done before a thread has begun

_thread = threading.local()


def at_hand(most: int) -> int:
    """Return how many threads may be begun here, at most `most`: one for each core.

    Whoever is one of several that work at once begins none: the cores are taken.
    """
    return 1 if getattr(_thread, "is_one_of_several", False) else min(most, cores())


def shared_out(
    rows: int, work: Callable[[slice], Result], *, shares: int | None = None
) -> list[Result]:
    """Have `work` done on all rows, in `shares` of equal length, AT_ONCE at the same time.

    How rows are shared out depends on their number alone. Returns what each share came to, in the
    order of the rows.
    """
    shares = shares or (1 if rows <= _FEW else AT_ONCE)
    if shares == 1:
        return [work(slice(0, rows))]
    ends = np.linspace(0, rows, shares + 1).astype(int).tolist()
    return list(in_turn(work, [slice(*each) for each in pairwise(ends)], at_once=AT_ONCE))


def in_turn(
    work: Callable[[Item], Result], items: Iterable[Item], *, at_once: int
) -> Iterator[Result]:
    """Yield what `work` returns for each item, in their order, `at_once` of them at a time.

    Fewer at a time, where `at_hand` allows fewer. Twice as many are begun before the first is
    taken, so that nobody waits for the taker.
    """
    workers = at_hand(at_once)
    if workers == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers, initializer=_is_one_of_several) as pool:
        begun: deque[Future[Result]] = deque()
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) == 2 * workers:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for each in begun:
                each.cancel()


def _is_one_of_several() -> None:
    _thread.is_one_of_several = True
