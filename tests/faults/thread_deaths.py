"""Let single threads die within a process that lives on."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from faults.history import Bench, History, history
from faults.saboteur import kill_thread
from faults.tally import Tally
from waiting import wait_until

_ENTRY = (sys.executable, str(Path(__file__).with_name("saboteur.py")))
#: Parts of the names of threads: those of the parts, and one of those who answer requests.
_THREADS = ("part dispatch", "part append", "part serve", "request")
_DEATHS = (SystemExit, KeyboardInterrupt, MemoryError, RuntimeError)


def kill_threads(bench: Bench, seed: int, deaths: int) -> Tally:
    """Raise an exception in one thread after the other, at random moments under load.

    What ended has to be started again, by the process itself or with it.
    """
    rng = np.random.default_rng(seed)
    with history(bench, seed, entry=_ENTRY) as now:
        now.planted = frozenset(death.__name__ for death in _DEATHS)
        now.deployment.keep_up("run")
        now.deployment.wait_until_ready()
        with now.at_work():
            for number in range(deaths):
                time.sleep(rng.uniform(0.05, 0.5))
                _kill_one(now, _THREADS[number % len(_THREADS)], _DEATHS[rng.integers(4)])
                _let_it_take_effect(now)
                now.note_recovery(starts_only=True)
        now.recover()
        return now.conclude()


def _kill_one(now: History, thread: str, death: type[BaseException]) -> None:
    """Kill a thread of that name as soon as there is one."""

    def killed() -> bool:
        now.deployment.wait_until_ready()
        try:
            return kill_thread(now.deployment.home, thread, death) is not None
        except (OSError, EOFError):  # its process is on its way out, or in
            return False

    wait_until(killed, f"a thread called {thread} to kill")


def _let_it_take_effect(now: History) -> None:
    """Wait until the process has ended with its thread, or for a second if it lives on."""
    begun_at = time.monotonic()
    while now.deployment.parts["run"].poll() is None and time.monotonic() - begun_at < 1:
        time.sleep(0.02)
