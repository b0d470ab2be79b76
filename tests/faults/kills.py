"""Kill processes without warning, under load."""

from __future__ import annotations

import time

import numpy as np
from faults.history import Bench, history
from faults.tally import Tally

#: How the parts are divided over processes; histories take turns.
_DIVISIONS = (("run",), ("serve", "dispatch", "append"))


def kill_processes(bench: Bench, seed: int, kills: int) -> Tally:
    """Kill one process after the other at random moments and start it again."""
    rng = np.random.default_rng(seed)
    with history(bench, seed) as now:
        parts = _DIVISIONS[seed % len(_DIVISIONS)]
        processes = {part: now.deployment.start(part) for part in parts}
        now.deployment.wait_until_ready(processes[parts[0]])
        with now.clients.at_work():
            for _ in range(kills):
                time.sleep(rng.uniform(0.05, 1.0))
                part = str(rng.choice(parts))
                processes[part].kill()
                processes[part].wait()
                processes[part] = now.deployment.start(part)
                if part == parts[0]:  # the one that answers
                    now.tally.ready.append(now.deployment.wait_until_ready(processes[part]))
                now.tally.faults += 1
        now.recover()
        return now.conclude()
