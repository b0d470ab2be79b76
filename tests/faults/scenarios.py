"""The list of faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from faults.apart import run_apart
from faults.backups import fail_backups
from faults.bad_disks import spoil_disk
from faults.bit_flips import flip_bits
from faults.clock_jumps import jump_clock
from faults.history import Bench
from faults.io_errors import fail_commands, fail_service
from faults.kills import kill_processes
from faults.network import fail_network
from faults.pauses import pause_dispatchers
from faults.power_losses import lose_power
from faults.scores import fail_scores
from faults.server_restarts import restart_servers
from faults.tally import Tally
from faults.thread_deaths import kill_threads

_ALLOWED_SECONDS = 60  # of a history without its faults, with the start of its servers
_PATIENCE = 6  # times as long as it should take, on a machine that has other work


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
        seconds = _PATIENCE * (_ALLOWED_SECONDS + self.seconds * faults)
        history = partial(self.run, bench, seed, faults)
        return run_apart(history, seconds=seconds, traces=bench.scratch / f"{seed:x}.traces")


SCENARIOS = [
    Scenario("kills", "process killed", kill_processes, 500, 20, 4.5),
    Scenario("threads", "thread killed", kill_threads, 200, 25, 2),
    Scenario("servers", "PostgreSQL or S3 restarted", restart_servers, 100, 20, 5),
    Scenario("io", "call to the disk fails, of a service", fail_service, 100, 20, 3),
    Scenario("commands", "call to the disk fails, of a command", fail_commands, 50, 10, 5),
    Scenario("scores", "call to the disk fails, of a scoring", fail_scores, 20, 10, 5),
    Scenario("backups", "call to the disk fails, of a backup", fail_backups, 20, 10, 7),
    Scenario("power", "power lost", lose_power, 200, 20, 6),
    Scenario("clock", "clock jumps", jump_clock, 50, 25, 3),
    Scenario("disks", "disk slow, full, read-only", spoil_disk, 30, 15, 6),
    Scenario("network", "network to PostgreSQL fails", fail_network, 80, 20, 4),
    Scenario("pauses", "dispatcher paused", pause_dispatchers, 100, 10, 4),
    Scenario("flips", "bit flipped", flip_bits, 300, 150, 2),
]
