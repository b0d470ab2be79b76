"""One history: a deployment under load, faults in it, recovery, and the judgement."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import sqlalchemy as sa
from beside import beside
from faults.ack_log import AckLog
from faults.clients import Clients
from faults.deployment import TENANT, Deployment
from faults.judge import judge
from faults.shim import Shim
from faults.tally import Tally
from receiver import Receiver
from service.processes import SENDOPT
from waiting import wait_until

from sendopt.app import App
from sendopt.records import SendState
from sendopt.state import tables

_BETWEEN_HEALTH_CHECKS_SECONDS = 0.02
_END_OF_LOG = 6_000  # characters that are shown of one where a history breaks down
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

    bench: Bench
    deployment: Deployment
    shim: Shim
    clients: Clients
    acks: AckLog
    receiver: Receiver
    tally: Tally = field(default_factory=Tally)
    latest_clock: datetime | None = None  # of the service, where it was ahead of ours
    planted: frozenset[str] = frozenset()  # types of errors that a log may tell of: we raised them

    def wait_until_struck(self) -> None:
        """Wait for the fault that the shim was told to bring about, or for an end of it all."""

        def struck() -> bool:
            return self.shim.has_struck or bool(self.deployment.restart_ended())

        wait_until(struck, "a call for the fault to befall")

    def note_fault(self) -> None:
        """Count a fault, where the shim was to bring it about only if it did; it is over now."""
        self.tally.faults += self.shim.has_struck or not self.shim.is_armed
        self.shim.heal()

    def note_recovery(self, *, starts_only: bool = False) -> None:
        """Count a fault that is over now, and the seconds until the service is ready again.

        With `starts_only` they count only where the part that answers had to start again: faults
        that it has not felt would make the others look shorter.
        """
        self.note_fault()
        seconds = self.deployment.wait_until_ready()
        if seconds or not starts_only:
            self.tally.ready.append(seconds)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let clients work, and ask for health, until the block is left."""
        with self.clients.at_work(), self.health_asked():
            yield

    def health_asked(self) -> AbstractContextManager[None]:
        """Ask `/healthz` all the time; note how long it took, and how late each question was."""

        def ask(stop: threading.Event) -> None:
            asked_at = time.monotonic()
            with httpx.Client(base_url=self.deployment.url) as client:
                while not stop.wait(_BETWEEN_HEALTH_CHECKS_SECONDS):
                    began_at = time.monotonic()
                    late = began_at - asked_at - _BETWEEN_HEALTH_CHECKS_SECONDS
                    self.tally.late.append(1000 * late)
                    with suppress(httpx.TransportError):  # it was ended, and is started again
                        client.get("/healthz").raise_for_status()
                        self.tally.health.append(1000 * (time.monotonic() - began_at))
                    asked_at = time.monotonic()

        return beside(ask, name="health")

    def recover(self) -> None:
        """Let everything that is owed happen: the service is up, and nothing disturbs it."""
        unanswered, recovered = self.clients.repeat_unanswered()
        self.tally.indeterminate += unanswered
        self.tally.recovered += recovered
        with self.deployment.opened() as app:

            def settled() -> bool:
                self.deployment.restart_ended()
                return _is_settled(app)

            wait_until(settled, "the end of every send")
        self.clients.click_all()
        self.deployment.stop()

    def conclude(self) -> Tally:
        """Judge what is there in the end."""
        delivered = Counter(each.headers["webhook-id"] for each in self.receiver.requests)
        return self.judge(delivered)

    def judge(self, delivered: Counter[str]) -> Tally:
        """Judge what is there against the deliveries of each send."""
        with self.deployment.opened() as app:
            verdict = judge(app, self.acks, delivered, latest_clock=self.latest_clock)
        verdict.unexpected += [
            f"a crash in the log: {line}"
            for error, line in self.deployment.crashes().items()
            if error not in self.planted
        ]
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
    with app.state.read_fleet() as tx:
        return not tx.scalar(
            sa.select(sa.func.count()).where(
                sends.c.tenant_id == TENANT,
                sends.c.state.in_([SendState.PLANNED, SendState.CLAIMED]),
            )
        )


@contextmanager
def history(
    bench: Bench,
    seed: int,
    *,
    journal: bool = False,
    entry: Sequence[str] = (str(SENDOPT),),
    settings: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Iterator[History]:
    """Set a deployment up; in the end it is gone, with every process of it.

    Args:
        bench: what it begins with.
        seed: of everything that is drawn.
        journal: whether every change of the home is written down, for a power loss.
        entry: the program that takes sendopt's arguments.
        settings: of a fleet; default: everything is in the home.
        key: of the API, where it is not that of the bench.
    """
    receiver = Receiver()
    home = Path(shutil.copytree(bench.template, bench.scratch / f"home-{seed:x}"))
    shim = Shim(bench.library, home, journal=home.with_suffix(".journal") if journal else None)
    deployment = Deployment(home, {**shim.environment, **(settings or {})}, entry=entry)
    deployment.register_devices(USERS, receiver)
    acks = AckLog(shim.progress)
    clients = Clients(
        deployment.url, key or bench.key, users=USERS, receiver=receiver, acks=acks, seed=seed
    )
    try:
        yield History(bench, deployment, shim, clients, acks, receiver)
    except BaseException as error:
        error.add_note(f"/readyz said last: {deployment.readiness}")
        error.add_note(f"The log ends with:\n{deployment.log.read_text()[-_END_OF_LOG:]}")
        raise
    finally:
        clients.close()
        deployment.remove()
        receiver.close()
