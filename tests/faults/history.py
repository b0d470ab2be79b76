"""One history: a deployment under load, faults in it, recovery, and the judgement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from faults.ack_log import AckLog
from faults.clients import Clients
from faults.deployment import TENANT, Deployment
from faults.judge import judge
from faults.tally import Tally
from receiver import Receiver
from waiting import wait_until

from sendopt.app import App
from sendopt.records import SendState
from sendopt.state import tables

USERS = [f"u{number}" for number in range(12)]


@dataclass(frozen=True)
class Bench:
    """What all histories begin with."""

    template: Path
    key: str
    scratch: Path


@dataclass
class History:
    """What a scenario has in hand while it plants faults."""

    deployment: Deployment
    clients: Clients
    acks: AckLog
    receiver: Receiver
    tally: Tally = field(default_factory=Tally)

    def recover(self) -> None:
        """Let everything that is owed happen: the service is up, and nothing disturbs it."""
        unanswered, self.tally.recovered = self.clients.repeat_unanswered()
        self.tally.indeterminate += unanswered
        with self.deployment.opened() as app:
            wait_until(lambda: _is_settled(app), "the end of every send")
        self.clients.click_all()
        self.deployment.stop()

    def conclude(self) -> Tally:
        """Judge what is there in the end."""
        delivered = Counter(each.headers["webhook-id"] for each in self.receiver.requests)
        with self.deployment.opened() as app:
            verdict = judge(app, self.acks, delivered)
        tally = self.tally
        tally.attempts += len(self.acks.exchanges)
        tally.acknowledged += sum(each.is_acknowledged for each in self.acks.exchanges)
        tally.indeterminate += sum(each.kind == "click" for each in self.acks.indeterminate())
        tally.lost += len(verdict.lost)
        tally.unexpected += len(verdict.unexpected)
        tally.findings += len(verdict.findings)
        tally.doubled += verdict.doubled
        tally.failures += [*verdict.lost, *verdict.unexpected, *verdict.findings]
        return tally


def _is_settled(app: App) -> bool:
    """Whether every send of every campaign has ended."""
    sends = tables.planned_send
    with app.state.read() as tx:
        return not tx.scalar(
            sa.select(sa.func.count()).where(
                sends.c.tenant_id == TENANT,
                sends.c.state.in_([SendState.PLANNED, SendState.CLAIMED]),
            )
        )


@contextmanager
def history(bench: Bench, seed: int, **settings: str) -> Iterator[History]:
    """Set a deployment up; in the end it is gone, with every process of it."""
    receiver = Receiver()
    deployment = Deployment(
        bench.template,
        bench.scratch / f"home-{seed:x}",
        receiver,
        users=USERS,
        environment=settings,
    )
    acks = AckLog()
    clients = Clients(
        deployment.url, bench.key, users=USERS, receiver=receiver, acks=acks, seed=seed
    )
    try:
        yield History(deployment, clients, acks, receiver)
    finally:
        clients.close()
        deployment.remove()
        receiver.close()
