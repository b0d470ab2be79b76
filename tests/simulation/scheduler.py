"""Runs the processes of a day one at a time, on a virtual clock, in an order that a seed draws.

Every process is a greenlet. It runs until it reaches a boundary: before and after a transaction,
between two requests to a provider. There others may run, time passes, and the process may be
paused, be refused by its store, or die.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from sendopt.errors import StoreFailure


class Killed(BaseException):
    """The process dies here. What holds a lock lets go of it; nothing else happens any more."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely each fault is at a boundary, or of an answer; drawn anew for every day."""

    kill: float = 0.0
    pause: float = 0.0  # for longer than a lease, as SIGSTOP does
    store: float = 0.0  # refused before the transaction, or its commit is not heard of
    disk: float = 0.0  # the log's disk refuses to sync
    lost_answer: float = 0.0  # of a request: done, and the client does not hear of it
    provider: float = 0.0  # another answer than "accepted"
    overslept: float = 0.0  # a provider is slow, and its dispatcher paused until its lease ends
    meanwhile: float = 0.0  # something happens to a send in hand, or before its retry
    clock: float = 0.0  # the clock on the wall is set while a send is in hand


CALM = Faults()


@dataclass(eq=False)
class Task:
    """One process, or one request within one."""

    name: str
    node: str
    fiber: greenlet
    doomed: bool = False  # its node has crashed: it ends as soon as it would go on
    committed_at: datetime | None = None  # its last transaction
    committed_on_wall: datetime | None = None  # the same instant, by the clock on the wall
    committed_after_steps: int = 0  # of that clock
    committed_as: int = 0  # the number of that transaction, of all of the day
    handed_over: list[Any] = field(default_factory=list)  # answered, not yet written down


class Scheduler:
    """The order of everything.

    Args:
        start: the first instant.
        random: decides who goes on, how long a step takes, and which fault occurs.
        faults: how likely they are.
        longest_pause: of a process that is stopped and continued.
    """

    def __init__(
        self, start: datetime, random: Random, faults: Faults, *, longest_pause: timedelta
    ) -> None:
        self.now = start  # as it passes, whatever the clock on the wall shows
        self.ahead = timedelta(0)  # of it the clock on the wall, which may be set
        self.steps = 0  # times that it was set
        self.random = random
        self.faults = faults
        self.tell: Callable[[str, str], None] = lambda _who, _what: None
        self.wake_idle_at: Callable[[str], datetime | None] = lambda _reason: None
        self.failures: list[tuple[Task, Exception]] = []
        self._longest_pause = longest_pause
        self._numbers = count()
        self._waiting: list[tuple[datetime, float, int, Task]] = []
        self._idle: dict[Task, tuple[datetime, str]] = {}
        self._main = getcurrent()

    @property
    def wall(self) -> datetime:
        """What the clock on the wall shows, which every process reads."""
        return self.now + self.ahead

    def set_clock(self, ahead: timedelta) -> None:
        """Set the clock on the wall so far ahead of the time that passes."""
        if ahead != self.ahead:
            self.tell("clock", f"is set by {(ahead - self.ahead).total_seconds():+.0f} s")
            self.ahead = ahead
            self.steps += 1

    @property
    def current(self) -> Task | None:
        """The task that runs; None between tasks, where there are no boundaries."""
        return getattr(getcurrent(), "task", None)

    def spawn(self, name: str, node: str, work: Callable[[], None], *, at: datetime) -> Task:
        """Begin `work` at `at`; an error that leaves it is kept in `failures`."""

        def body() -> None:
            try:
                work()
            except Killed:
                self.tell(name, "dies")
            except Exception as error:  # noqa: BLE001 - the day goes on, and is judged at its end
                self.failures.append((task, error))

        fiber = greenlet(body, parent=self._main)
        task = Task(name, node, fiber)
        fiber.task = task
        self._push(task, at)
        return task

    def run(self, until: datetime) -> None:
        """Let everybody go on up to `until`, or until nobody has anything to do."""
        while (task := self._next(until)) is not None:
            task.fiber.switch()
        self.now = max(self.now, until)

    def step(self, what: str) -> None:
        """A boundary: others run, time passes, and `what` may be where this process dies.

        Raises:
            Killed: here.
            StoreFailure: `store_busy`, if the store refuses.
        """
        task = self.current
        if task is None:
            return
        drawn = self.random.random()
        if drawn < self.faults.kill:
            raise Killed
        self.sleep_until(self.now + self._duration(task, what))

    def refuse(self, code: str, what: str) -> None:
        """Perhaps fail as a store does.

        Raises:
            StoreFailure: with `code`.
        """
        task = self.current
        if task is not None and self.random.random() < self.faults.store:
            self.tell(task.name, f"{code} {what}")
            raise StoreFailure("simulated", statement=what, code=code)

    def oversleep(self, lease: timedelta) -> None:
        """Perhaps be paused until about `lease` after now, sooner or later."""
        task = self._task()
        if self.random.random() < self.faults.overslept:
            pause = lease * (0.6 + 0.8 * self.random.random())
            self.tell(task.name, f"is paused for {pause.total_seconds():.0f} s of its lease")
            self.sleep_until(self.now + pause)

    def sleep_until(self, at: datetime) -> None:
        task = self._task()
        self._push(task, at)
        self._main.switch()
        self._live(task)

    def restart_at(self, at: datetime) -> None:
        """Wait as somebody who is dead, and cannot die once more."""
        task = self._task()
        self._push(task, at)
        self._main.switch()
        task.doomed = False

    def idle(self, earliest: datetime, reason: str) -> None:
        """Wait until `wake_idle_at(reason)` names an instant, and not before `earliest`.

        A process that looks every second whether something is due would find nothing nearly
        always; these looks are left out.
        """
        task = self._task()
        self._idle[task] = (earliest, reason)
        self._main.switch()
        self._live(task)

    def crash(self, node: str) -> None:
        """End every task of `node` where it stands."""
        for task in [task for task in self._idle if task.node == node]:
            del self._idle[task]
            self._push(task, self.now)
        for index, (at, drawn, number, task) in enumerate(self._waiting):
            if task.node == node:
                task.doomed = True
                self._waiting[index] = (min(at, self.now), drawn, number, task)
        heapq.heapify(self._waiting)

    def _live(self, task: Task) -> None:
        if task.doomed:
            task.doomed = False  # whoever restarts it begins anew
            raise Killed

    def _task(self) -> Task:
        task = self.current
        assert task is not None, "only a task can wait"
        return task

    def _duration(self, task: Task, what: str) -> timedelta:
        if self.random.random() < self.faults.pause:
            pause = self._longest_pause * self.random.random()
            self.tell(task.name, f"is paused for {pause.total_seconds():.0f} s {what}")
            return pause
        return timedelta(milliseconds=self.random.randrange(40))

    def _push(self, task: Task, at: datetime) -> None:
        entry = (max(at, self.now), self.random.random(), next(self._numbers), task)
        heapq.heappush(self._waiting, entry)

    def _next(self, until: datetime) -> Task | None:
        found, at = None, until
        for task, (earliest, reason) in self._idle.items():
            wanted = self.wake_idle_at(reason)
            if wanted is not None and max(wanted, earliest) < at:
                found, at = task, max(wanted, earliest)
        if self._waiting and self._waiting[0][0] <= at:
            at, _, _, found = heapq.heappop(self._waiting)
        elif found is not None:
            del self._idle[found]
        self.now = max(self.now, at) if found is not None else self.now
        return found


class SimulatedClock:
    """The clock of every process of the day."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def now(self) -> datetime:
        return self._scheduler.wall

    def monotonic(self) -> float:
        """Seconds of the same time, which nobody sets."""
        return self._scheduler.now.timestamp()

    def wait(self, wake: threading.Event, until: datetime) -> None:
        if not wake.is_set() and until > self._scheduler.wall:
            self._scheduler.sleep_until(until - self._scheduler.ahead)
