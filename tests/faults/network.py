"""Let the network between a fleet and its PostgreSQL fail."""

from __future__ import annotations

import time
from contextlib import closing

import numpy as np
from faults.fleet import PARTS, fleet
from faults.history import Bench, history
from faults.proxy import Proxy
from faults.tally import Tally
from waiting import wait_until

_SECONDS_OF_DELAY = 1.0


def fail_network(bench: Bench, seed: int, faults: int) -> Tally:
    """Cut, leave half open, delay, and lose the answer to a COMMIT, in turns, under load."""
    rng = np.random.default_rng(seed)
    servers = fleet()
    with closing(Proxy(servers.postgres.port)) as proxy:
        settings = servers.settings(f"h{seed}", port=proxy.port)
        with history(bench, seed, settings=settings, key=servers.key) as now:
            now.deployment.keep_up(*PARTS)
            now.deployment.wait_until_ready()
            turns = (_cut, _leave_half_open, _delay, _lose_answer)
            with now.at_work():
                for number in range(faults):
                    time.sleep(rng.uniform(0.1, 1.0))
                    turns[number % len(turns)](proxy)
                    now.note_recovery()
            now.recover()
            return now.conclude()


def _cut(proxy: Proxy) -> None:
    proxy.cut()


def _leave_half_open(proxy: Proxy) -> None:
    proxy.leave_half_open()


def _delay(proxy: Proxy) -> None:
    proxy.delay(0.1)
    time.sleep(_SECONDS_OF_DELAY)
    proxy.delay(0.0)


def _lose_answer(proxy: Proxy) -> None:
    proxy.lose_next_commit_answer()
    wait_until(proxy.has_lost_commit_answer, "a COMMIT")
