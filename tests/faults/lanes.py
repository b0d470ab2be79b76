"""Runs histories side by side, and ends those at work where the run is ended before them."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from faults.apart import end_all
from faults.tally import Tally

_Name = TypeVar("_Name")

_PAUSE_SECONDS = 0.05


def leave_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, so that what every block does as it is left is done."""
    signal.signal(signal.SIGTERM, _leave)


@contextmanager
def in_lanes(
    attempts: Mapping[_Name, Callable[[], Tally]], *, lanes: int
) -> Iterator[Iterator[tuple[_Name, Tally]]]:
    """Make every attempt, so many at a time, and yield what each counted, as they end.

    No history is at work any more once the block is left, by whatever exception.

    Args:
        attempts: each runs a history apart, and waits for it; by a name of its own.
        lanes: how many at a time.
    """
    named: dict[Future[Tally], _Name] = {}
    with ThreadPoolExecutor(lanes) as pool:
        try:
            for name, attempt in attempts.items():
                named[pool.submit(attempt)] = name
            yield ((named[done], done.result()) for done in as_completed(named))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            while any(each.running() for each in named):  # one may be about to start its process
                end_all()
                time.sleep(_PAUSE_SECONDS)


def _leave(number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    sys.exit(128 + number)
