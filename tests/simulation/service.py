"""The service of a simulated day: the real application on two nodes, each with three processes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

from sendopt.app import App
from sendopt.deliver import ClaimPolicy, Dispatcher, RetryPolicy
from sendopt.deliver.provider import Provider
from sendopt.errors import LeaseHeld, ModelNotServable, StoreFailure
from sendopt.records import Channel, TenantId
from sendopt.settings import Settings
from sendopt.track import LinkSigner
from simulation.scheduler import Killed, Scheduler, SimulatedClock
from simulation.stores import SEND_DUE, TO_COPY, SimulatedState, SteppedLog

NODES = ("north", "south")
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 5
RETRY = RetryPolicy(
    first=timedelta(seconds=20), longest=timedelta(minutes=20), max_attempts=MAX_ATTEMPTS
)
#: Failures of stores after which everything is simply tried again.
PASSING = frozenset({"store_busy", "store_unavailable", "disk_failed"})
_POLL = timedelta(seconds=1)
_BATCH = 4


class NoModels:
    """MLflow, with nothing in it: every send goes out at its fallback time."""

    def champion(self, tenant_id: TenantId) -> None:
        raise ModelNotServable("there is none", code="no_champion")

    def card(self, tenant_id: TenantId) -> None:
        raise ModelNotServable("there is none", code="no_champion")

    def last_good(self, tenant_id: TenantId) -> None:
        raise ModelNotServable("there is none", code="no_last_good")

    def storage(self) -> tuple[str, ...]:
        return ()

    def changes(self, tenant_id: TenantId) -> tuple[str, ...]:
        return ()


@cache
def _settings(home: Path, seed: int) -> Settings:
    return Settings.model_validate({"home": home, "schedule": {"seed": seed}})


class SimulatedApp(App):
    """The real use cases over the day's stores."""

    def __init__(
        self,
        home: Path,
        scheduler: Scheduler,
        random: Random,
        state: SimulatedState,
        log: SteppedLog,
        *,
        seed: int = 1,
    ) -> None:
        clock = SimulatedClock(scheduler)
        super().__init__(_settings(home, seed), clock, random.randbytes)
        self.__dict__["state"], self.__dict__["log"] = state, log
        self.__dict__["registry"] = NoModels()
        self.__dict__["link_signer"] = LinkSigner({"k1": b"k" * 32}, "k1", "https://l.example")

    def close(self) -> None:
        """The stores outlive it."""


class Service:
    """Starts the processes of every node, and starts them again when they die.

    Args:
        scheduler: the day's.
        make_app: a node's application, as after a start of its process.
        make_providers: the channels of a dispatcher.
        hand_over_failed: told when a dispatcher did not write down what it had handed over.
        copy_after: minutes, one of which an appender waits before it looks again.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        make_app: Callable[[], SimulatedApp],
        make_providers: Callable[[], dict[Channel, Provider]],
        hand_over_failed: Callable[[], None],
        copy_after: tuple[int, ...],
    ) -> None:
        self.scheduler = scheduler
        self.apps = {node: make_app() for node in NODES}
        self._make_app, self._make_providers = make_app, make_providers
        self._hand_over_failed = hand_over_failed
        self._copy_after = copy_after
        self.down_until = scheduler.now  # no process starts before

    def start(self, at: datetime) -> None:
        for node in NODES:
            for name, process in (("dispatcher", self._dispatch), ("appender", self._append)):
                self.scheduler.spawn(
                    f"{name}-{node}",
                    node,
                    lambda node=node, run=process: self._keep(run, node),
                    at=at,
                )

    def crash(self, node: str) -> None:
        """Kill every process of a node; what they remembered is gone."""
        self.apps[node] = self._make_app()
        self.scheduler.crash(node)

    def _keep(self, process: Callable[[str], None], node: str) -> None:
        """Start a process again whenever it dies, as an orchestrator does."""
        scheduler = self.scheduler
        while True:
            try:
                process(node)
            except Killed:
                task = scheduler.current
                assert task is not None
                scheduler.tell(task.name, "dies")
                self._hand_over_failed()
                restart = timedelta(seconds=scheduler.random.choice((1, 5, 90)))
                scheduler.restart_at(max(scheduler.now, self.down_until) + restart)
                scheduler.tell(task.name, "starts again")

    def _dispatch(self, node: str) -> None:
        scheduler = self.scheduler
        app = self._make_app()
        dispatcher = Dispatcher(
            app.state,
            self._make_providers(),
            app.clock,
            owner=f"{node}:{app.random_bytes(4).hex()}",
            sign_link=app.link_signer.url,
            random_bytes=app.random_bytes,
            retry=RETRY,
            claims=ClaimPolicy(LEASE, _BATCH, poll=_POLL),
        )
        while True:
            try:
                busy = dispatcher.dispatch_batch().total
            except StoreFailure as failure:
                if failure.code not in PASSING:
                    raise
                self._hand_over_failed()
                busy = 0
            if not busy:
                scheduler.idle(scheduler.now + _POLL, SEND_DUE)

    def _append(self, node: str) -> None:
        scheduler = self.scheduler
        app = self._make_app()
        while True:
            unfinished = True  # what has a position already is no news any more
            try:
                copied = app.rounds.copy_to_log()
                if copied:
                    scheduler.tell(f"appender-{node}", f"copied {copied} events to the log")
                app.rounds.meter()
                unfinished = False
            except LeaseHeld:
                scheduler.tell(f"appender-{node}", "finds the log held by another appender")
            except StoreFailure as failure:
                if failure.code not in PASSING:
                    raise
            if unfinished:
                scheduler.sleep_until(scheduler.now + timedelta(minutes=1))
            else:
                wait = timedelta(minutes=scheduler.random.choice(self._copy_after))
                scheduler.idle(scheduler.now + wait, TO_COPY)
