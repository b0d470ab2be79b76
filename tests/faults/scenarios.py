"""The list of faults."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from faults.history import Bench
from faults.kills import kill_processes
from faults.power_losses import lose_power
from faults.tally import Tally


@dataclass(frozen=True)
class Scenario:
    """One kind of fault, and how often it is tried."""

    name: str
    title: str
    run: Callable[[Bench, int, int], Tally]  # takes a seed and the number of faults
    faults: int
    per_history: int
    seconds: float  # that a fault takes, about, with all around it

    def attempt(self, bench: Bench, seed: int, faults: int) -> Tally:
        """Run one history; one that breaks down is a failure of its own, not of the run."""
        try:
            return self.run(bench, seed, faults)
        except BaseException:  # noqa: BLE001 - whatever ended it is told, and the others go on
            return Tally(unexpected=1, failures=[traceback.format_exc()])


SCENARIOS = [
    Scenario("kills", "process killed", kill_processes, 500, 20, 4.5),
    Scenario("power", "power lost", lose_power, 200, 20, 6),
]
