"""Cut the power at any moment of a history, and start on what the disk has kept."""

from __future__ import annotations

import copy
import time
from collections import Counter

import numpy as np
from faults.clients import Clients
from faults.deployment import Deployment
from faults.history import USERS, Bench, History, history
from faults.power_loss import Disk, read_journal
from faults.tally import Tally
from receiver import Received

_SECONDS_OF_WORK = 4
_ROWS = 1_200  # more than fit into the catalog: they become a file of their own


def lose_power(bench: Bench, seed: int, losses: int) -> Tally:
    """Work once, with a stop and a start in between; lose power at many moments of it."""
    rng = np.random.default_rng(seed)
    with history(bench, seed, journal=True) as past:
        before = Disk(past.deployment.home)
        arrived_at: dict[int, int] = {}  # progress by place among the receiver's requests

        def answer(request: Received) -> tuple[int, dict[str, str]]:
            arrived_at[id(request)] = past.shim.progress()
            return 204, {}

        past.receiver.answer = answer
        _work(past)
        journal = past.shim.journal.read_bytes()
        seen = list(past.receiver.requests)
        past.receiver.answer = lambda _request: (204, {})
        tally = Tally()
        for number in range(losses):
            cut = int(rng.integers(0, len(journal)))
            disk = copy.deepcopy(before)
            disk.play(read_journal(journal[:cut]))
            home = past.deployment.home.with_name(f"{past.deployment.home.name}-{number}")
            disk.after_power_loss(home, rng)
            delivered = Counter(
                each.headers["webhook-id"] for each in seen if arrived_at[id(each)] <= cut
            )
            tally += _start_again(past, Deployment(home, {}), bench.key, cut, delivered)
        return tally


def _work(past: History) -> None:
    for _life in range(2):
        service = past.deployment.start("run")
        past.deployment.wait_until_ready(service)
        with past.clients.at_work():
            time.sleep(_SECONDS_OF_WORK / 4)
            past.ingest(_ROWS)
            time.sleep(_SECONDS_OF_WORK / 4)
        past.deployment.stop()


def _start_again(
    past: History, deployment: Deployment, key: str, cut: int, delivered: Counter[str]
) -> Tally:
    acks = past.acks.until(cut)
    begun_with = len(past.receiver.requests)
    clients = Clients(deployment.url, key, users=USERS, receiver=past.receiver, acks=acks, seed=cut)
    now = History(deployment, past.shim, clients, acks, past.receiver, Tally(faults=1))
    try:
        now.tally.ready.append(deployment.wait_until_ready(deployment.start("run")))
        now.recover()
        new = past.receiver.requests[begun_with:]
        return now.judge(delivered + Counter(each.headers["webhook-id"] for each in new))
    finally:
        clients.close()
        deployment.remove()
