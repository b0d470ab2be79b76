"""Pause a dispatcher for longer than its lease, while another one works."""

from __future__ import annotations

import signal
import time

import numpy as np
from faults.deployment import LEASE_SECONDS
from faults.history import Bench, history
from faults.tally import Tally

_PARTS = ("serve", "append", "dispatch", "dispatch 2")


def pause_dispatchers(bench: Bench, seed: int, pauses: int) -> Tally:
    """Stop one of two dispatchers at a random moment, for three times its lease.

    What it had claimed is taken over; when it goes on, its claims are fenced off.
    """
    rng = np.random.default_rng(seed)
    with history(bench, seed) as now:
        now.deployment.keep_up(*_PARTS)
        now.deployment.wait_until_ready()
        with now.at_work():
            for number in range(pauses):
                time.sleep(rng.uniform(0.0, 0.5))
                paused = now.deployment.parts[_PARTS[2 + number % 2]]
                paused.send_signal(signal.SIGSTOP)
                time.sleep(3 * LEASE_SECONDS)
                paused.send_signal(signal.SIGCONT)
                now.note_recovery()
        now.recover()
        return now.conclude()
