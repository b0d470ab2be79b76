"""How a command that runs until it is told to end is told so."""

from __future__ import annotations

import signal
import threading


def stopped_by_signal() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set.

    Also needed beside the HTTP server, which ends at the signal and then raises it once more:
    by default that would kill the process before the other parts have finished.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop
