"""One history: a deployment under load, faults in it, recovery, and the judgement."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from faults.ack_log import AckLog, Exchange
from faults.clients import Clients
from faults.deployment import TENANT, Deployment
from faults.judge import judge
from faults.shim import Shim
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
    library: Path  # of the shim
    scratch: Path


@dataclass
class History:
    """What a scenario has in hand while it plants faults."""

    deployment: Deployment
    shim: Shim
    clients: Clients
    acks: AckLog
    receiver: Receiver
    tally: Tally = field(default_factory=Tally)

    def recover(self) -> None:
        """Let everything that is owed happen: the service is up, and nothing disturbs it."""
        unanswered, recovered = self.clients.repeat_unanswered()
        self.tally.indeterminate += unanswered
        self.tally.recovered += recovered
        with self.deployment.opened() as app:
            wait_until(lambda: _is_settled(app), "the end of every send")
        self.clients.click_all()
        self.deployment.stop()

    def ingest(self, rows: int) -> int:
        """Import a file of events by the command; return its exit status."""
        number = len(self.acks.exchanges)
        ids = tuple(f"file-{number}-{row}" for row in range(rows))
        file = self.deployment.home.with_name(f"{self.deployment.home.name}-{number}.jsonl")
        event = {"event_type": "session", "occurred_at": datetime.now(UTC).isoformat()}
        with file.open("w") as lines:
            for place, event_id in enumerate(ids):
                user = USERS[place % len(USERS)]
                print(json.dumps(event | {"event_id": event_id, "user_id": user}), file=lines)
        exchange = Exchange("file", ids, None, begun_at=self.acks.progress())
        status = self.deployment.start("ingest", str(file)).wait()
        if status == 0:
            exchange = replace(exchange, answered_at=self.acks.progress())
        self.acks.add(exchange)
        file.unlink()
        return status

    def conclude(self) -> Tally:
        """Judge what is there in the end."""
        delivered = Counter(each.headers["webhook-id"] for each in self.receiver.requests)
        return self.judge(delivered)

    def judge(self, delivered: Counter[str]) -> Tally:
        """Judge what is there against the deliveries of each send."""
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
def history(bench: Bench, seed: int, *, journal: bool = False) -> Iterator[History]:
    """Set a deployment up; in the end it is gone, with every process of it.

    With a `journal` every change of the home is written down, for a power loss.
    """
    receiver = Receiver()
    home = Path(shutil.copytree(bench.template, bench.scratch / f"home-{seed:x}"))
    shim = Shim(bench.library, home, journal=home.with_suffix(".journal") if journal else None)
    deployment = Deployment(home, shim.environment)
    deployment.register_devices(USERS, receiver)
    acks = AckLog(shim.progress)
    clients = Clients(
        deployment.url, bench.key, users=USERS, receiver=receiver, acks=acks, seed=seed
    )
    try:
        yield History(deployment, shim, clients, acks, receiver)
    finally:
        clients.close()
        deployment.remove()
        receiver.close()
