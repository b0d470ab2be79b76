"""Restart PostgreSQL and the S3 server under a fleet at work."""

from __future__ import annotations

import time

import numpy as np
from faults.fleet import PARTS, fleet
from faults.history import Bench, history
from faults.tally import Tally


def restart_servers(bench: Bench, seed: int, restarts: int) -> Tally:
    """Kill a server, or stop it as an operator does, and start it again, under load."""
    rng = np.random.default_rng(seed)
    servers = fleet()
    with history(bench, seed, settings=servers.settings(f"h{seed}"), key=servers.key) as now:
        now.deployment.keep_up(*PARTS)
        now.deployment.wait_until_ready()
        with now.at_work():
            for number in range(restarts):
                time.sleep(rng.uniform(0.1, 1.0))
                server = servers.s3 if number % 4 == 3 else servers.postgres
                end = server.kill if rng.random() < 0.5 else server.stop
                end()
                time.sleep(rng.uniform(0.0, 0.5))
                server.start()
                now.note_recovery()
        now.recover()
        return now.conclude()
