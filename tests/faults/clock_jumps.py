"""Let the wall clock jump, and let it run slow or fast, while sends go out."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np
from faults.history import Bench, history
from faults.tally import Tally

_HOUR = 3600.0
_SECONDS_OF_A_JUMP = 1.0
_STEPS_OF_A_SLEW = 20


def jump_clock(bench: Bench, seed: int, jumps: int) -> Tally:
    """Jump by an hour, a day, to 1970, or slew by ten seconds; and back, a second later."""
    rng = np.random.default_rng(seed)
    with history(bench, seed) as now:
        now.deployment.keep_up("run")
        now.deployment.wait_until_ready()
        with now.at_work():
            for number in range(jumps):
                time.sleep(rng.uniform(0.1, 1.0))
                to_1970 = -datetime.now(UTC).timestamp()
                target = (_HOUR, -_HOUR, 24 * _HOUR, to_1970, None)[number % 5]
                if target is None:
                    for step in range(_STEPS_OF_A_SLEW):
                        now.shim.set_clock(10 * step / _STEPS_OF_A_SLEW)
                        time.sleep(_SECONDS_OF_A_JUMP / _STEPS_OF_A_SLEW)
                else:
                    now.shim.set_clock(target)
                    time.sleep(_SECONDS_OF_A_JUMP)
                now.shim.set_clock(0)
                now.note_recovery()
        now.latest_clock = datetime.now(UTC) + timedelta(days=1)
        now.acks.refused.clear()  # of clients whose clocks were right: time_in_future and the like
        now.recover()
        return now.conclude()
