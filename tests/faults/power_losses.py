"""Cut the power at any moment of a history, and start on what the disk has kept."""

from __future__ import annotations

import copy
import time
from collections import Counter

import numpy as np
from faults import commands
from faults.clients import Clients
from faults.deployment import Deployment
from faults.history import USERS, Bench, History, history
from faults.power_loss import Disk, read_journal
from faults.tally import Tally
from receiver import Received

_SECONDS_OF_WORK = 2


def lose_power(bench: Bench, seed: int, losses: int) -> Tally:
    """Work, import a file, work again; lose power at many moments of it."""
    rng = np.random.default_rng(seed)
    with history(bench, seed, journal=True) as past:
        outage = PowerLoss(past)
        _work(past)
        commands.ingest(past)
        _work(past)
        cuts = rng.integers(0, past.shim.progress(), losses)
        return sum((outage.at(int(cut), rng) for cut in cuts), Tally())


def _work(past: History) -> None:
    past.deployment.keep_up("run")
    past.deployment.wait_until_ready()
    with past.at_work():
        time.sleep(_SECONDS_OF_WORK)
    past.deployment.stop()


class PowerLoss:
    """Knows what a history's disk held before it, and when each message arrived.

    To be made before anything of the history runs.
    """

    def __init__(self, past: History) -> None:
        self._past = past
        self._before = Disk(past.deployment.home)
        self._arrivals: list[tuple[str, int]] = []  # sends, with how far the history had come
        past.receiver.answer = self._note

    def _note(self, request: Received) -> tuple[int, dict[str, str]]:
        self._arrivals.append((request.headers["webhook-id"], self._past.shim.progress()))
        return 204, {}

    def at(self, cut: int, rng: np.random.Generator) -> Tally:
        """Start on what the disk kept when the journal was `cut` bytes long, and judge that."""
        past, shim = self._past, self._past.shim
        disk = copy.deepcopy(self._before)
        disk.play(read_journal(shim.changes()[:cut]))
        home = past.deployment.home.with_name(f"{past.deployment.home.name}-{cut}")
        disk.after_power_loss(home, rng)
        delivered = Counter(send_id for send_id, progress in self._arrivals if progress <= cut)
        return self._start_again(Deployment(home, {}), cut, delivered)

    def _start_again(self, deployment: Deployment, cut: int, delivered: Counter[str]) -> Tally:
        past = self._past
        acks = past.acks.until(cut)
        clients = Clients(
            deployment.url,
            past.bench.key,
            users=USERS,
            receiver=past.receiver,
            acks=acks,
            seed=cut,
        )
        now = History(past.bench, deployment, past.shim, clients, acks, past.receiver)
        arrived_before = len(past.receiver.requests)
        try:
            deployment.keep_up("run")
            now.note_recovery()
            now.recover()
            new = past.receiver.requests[arrived_before:]
            return now.judge(delivered + Counter(each.headers["webhook-id"] for each in new))
        finally:
            clients.close()
            deployment.remove()
