"""Let the disk be slow, full, or read-only: of a service at work, and of one that starts."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

import numpy as np
from faults.history import Bench, History, history
from faults.shim import Action, Calls
from faults.tally import Tally

_SECONDS = 3.0
_GROWS = Calls.WRITE | Calls.TRUNCATE | Calls.OPEN


def spoil_disk(bench: Bench, seed: int, faults: int) -> Tally:
    """Let one thing after the other be wrong with the disk, under load, and ask for health."""
    rng = np.random.default_rng(seed)
    with history(bench, seed) as now:
        now.deployment.keep_up("run")
        now.deployment.wait_until_ready()
        with now.at_work():
            for number in range(faults):
                time.sleep(rng.uniform(0.1, 1.0))
                _TURNS[number % len(_TURNS)](now)
                if now.shim.is_armed:
                    now.wait_until_struck()
                time.sleep(_SECONDS)
                now.shim.slow(sync_seconds=0, write_seconds=0)
                now.note_recovery()
        now.recover()
        return now.conclude()


def _slow(now: History) -> None:
    now.shim.slow(sync_seconds=0.2, write_seconds=0.001)


def _full(now: History) -> None:
    now.shim.befall(_GROWS, Action.FAIL, error=errno.ENOSPC, lasting=True)


def _read_only(now: History) -> None:
    now.shim.befall(Calls.ALL, Action.FAIL, error=errno.EROFS, lasting=True)


def _starting(spoil: Callable[[History], None]) -> Callable[[History], None]:
    """Return what spoils the disk, and then starts the service anew."""

    def restart(now: History) -> None:
        now.deployment.kill()
        spoil(now)
        now.deployment.keep_up("run")

    return restart


_TURNS = (_slow, _full, _read_only, _starting(_slow), _starting(_full), _starting(_read_only))
