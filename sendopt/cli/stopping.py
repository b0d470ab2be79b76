"""How a command that runs until it is told to end is told so, and ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import NoReturn, TypeVar

from sendopt.liveness import in_background

Result = TypeVar("Result")

_LOOK_EVERY_SECONDS = 0.05


def stopped_by_signal() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set, from now on.

    A handler runs in the middle of whatever the main thread does. If that waits for the event, it
    may hold the very lock that setting the event needs; so another thread sets it, told by a queue
    that is made for this.
    """
    stop = threading.Event()
    came: SimpleQueue[int] = SimpleQueue()

    def set_when_it_comes() -> None:
        came.get()
        stop.set()

    threading.Thread(target=set_when_it_comes, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: came.put(number))
    return stop


def unless_stopped(work: Callable[[], Result], stop: threading.Event) -> Result | None:
    """Return what `work` returns; None as soon as `stop` is set, and the work is left behind.

    It is done in a thread of its own: the main thread, which alone can take a signal, would be
    held by an import or a store that is locked.

    Raises:
        Exception: whatever `work` raises.
    """
    working = in_background(work, name="start")
    while not stop.wait(_LOOK_EVERY_SECONDS):
        if working.done():
            return working.result()
    return None


def leave(status: int) -> NoReturn:
    """End the process now: threads that wait for a store that is away would keep it for minutes."""
    sys.stdout.flush()
    sys.stderr.close()  # a service writes its lines in the background: the last ones come out
    os._exit(status)
