"""Kill processes without warning, under load: at random moments, and at a call to the disk."""

from __future__ import annotations

import time

import numpy as np
from faults.history import Bench, history
from faults.shim import Action, Calls
from faults.tally import Tally

#: How the parts are divided over processes; histories take turns.
_DIVISIONS = (("run",), ("serve", "dispatch", "append"))
_LONGEST_LIFE_SECONDS = 1.0


def kill_processes(bench: Bench, seed: int, kills: int) -> Tally:
    """Kill one process after the other and start it again.

    Every second kill comes at a moment, the others before the N-th write, sync or change of a
    name, N = 1, 2, 3 ... on, and hit whichever process makes that call.
    """
    rng = np.random.default_rng(seed)
    parts = _DIVISIONS[seed % len(_DIVISIONS)]
    with history(bench, seed) as now:
        now.deployment.keep_up(*parts)
        now.deployment.wait_until_ready()
        with now.at_work():
            for number in range(kills):
                if number % 2:
                    now.shim.befall(Calls.ALL, Action.KILL, at=1 + int(seed + number) % 300)
                    now.wait_until_struck()
                else:
                    time.sleep(rng.uniform(0.05, _LONGEST_LIFE_SECONDS))
                    victim = now.deployment.parts[str(rng.choice(parts))]
                    victim.kill()
                    victim.wait()
                now.note_recovery(starts_only=True)
        now.recover()
        return now.conclude()
