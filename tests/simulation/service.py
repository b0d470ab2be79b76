"""The service of a simulated day: the real application on two nodes, each with three processes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sendopt.deliver import ClaimPolicy, Dispatcher, RetryPolicy
from sendopt.deliver.provider import Provider
from sendopt.errors import LeaseHeld, StoreFailure
from sendopt.records import Channel
from simulation.scheduler import Killed, Scheduler
from simulation.store_app import StoreApp
from simulation.stores import SEND_DUE, TO_COPY

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
        make_app: Callable[[], StoreApp],
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
