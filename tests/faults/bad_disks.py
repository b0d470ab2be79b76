"""Let the disk be slow, full, or read-only for a while."""

from __future__ import annotations

import errno
import time

import numpy as np
from faults.history import Bench, history
from faults.shim import Action, Calls
from faults.tally import Tally

_SECONDS = 3.0
_GROWS = Calls.WRITE | Calls.TRUNCATE | Calls.OPEN


def spoil_disk(bench: Bench, seed: int, faults: int) -> Tally:
    """Let every sync take 0.2 s, refuse every write, or refuse every change, in turns."""
    rng = np.random.default_rng(seed)
    with history(bench, seed) as now:
        now.deployment.keep_up("run")
        now.deployment.wait_until_ready()
        with now.clients.at_work(), now.health_asked():
            for number in range(faults):
                time.sleep(rng.uniform(0.1, 1.0))
                match number % 3:
                    case 0:
                        now.shim.slow(sync_seconds=0.2, write_seconds=0.001)
                    case 1:
                        now.shim.befall(_GROWS, Action.FAIL, error=errno.ENOSPC, lasting=True)
                    case _:
                        now.shim.befall(Calls.ALL, Action.FAIL, error=errno.EROFS, lasting=True)
                time.sleep(_SECONDS)
                now.shim.slow(sync_seconds=0, write_seconds=0)
                now.shim.heal()
                now.note_recovery()
        now.recover()
        return now.conclude()
