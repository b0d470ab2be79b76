"""Keeps the long-lived parts of a process at work, and lets none of them end in silence.

A part that fails in a way that passes tries again, later and later. A part that ends, raises what
nobody explained, or says nothing for too long ends the whole process with status 1, so that
whoever started it starts it anew. docs/decisions/0032-parts.md says why so.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from sendopt.app.logging import trace
from sendopt.back_off import back_off
from sendopt.clock import monotonic
from sendopt.errors import LeaseHeld, SendoptError, StoreFailure

_log = structlog.get_logger()

#: The wait after a failure. Short, because what was away is wanted as soon as it is back.
FIRST_WAIT = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(seconds=4)
#: A part that waits for its next turn beats so often, and the supervisor looks so often.
_BEAT_SECONDS = 0.5

#: Explained failures that are neither a store's nor a lease's and pass all the same: somebody puts
#: the right state in place, or rebuilds the log, while the other parts go on.
_PASSING_CODES = frozenset({"log_ahead"})

LATE = "part_late"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a part may say nothing."""

    late: timedelta  # from then on it shows as late
    hung: timedelta  # from then on nobody believes in it any more, and the process ends


class Part:
    """One long-lived job of a process, in a thread of its own.

    Args:
        name: shown to operators.
        work: does the job until `stop` is set; the part beats meanwhile.
        patience: how long it may go without a beat.
    """

    def __init__(
        self, name: str, work: Callable[[Part, threading.Event], None], patience: Patience
    ) -> None:
        self.name = name
        self.restarts = 0  # tries after a failure, since the process began
        self._work = work
        self._patience = patience
        self._failing: str | None = None  # the code of what it tries to get past
        self._waiting = False  # for a right that another process has: that is well
        self._beaten_at = self._worked_at = monotonic()

    def beat(self) -> None:
        """Say that the part lives."""
        self._beaten_at = monotonic()

    def worked(self) -> None:
        """Say that the part has done its work, or has seen that there is none."""
        self._beaten_at = self._worked_at = monotonic()
        self._waiting = False
        if self._failing is not None:
            _log.info("part_recovered", part=self.name, code=self._failing)
            self._failing = None

    def failed(self, failure: SendoptError, failures: int) -> None:
        """Say what the part tries to get past, after so many failures in a row."""
        self.beat()
        self.restarts += 1
        if failure.code != self._failing or failures & (failures - 1) == 0:  # 1, 2, 4, 8, ...
            _log.error("part_failing", part=self.name, failures=failures, **_told(failure))
        self._failing = failure.code

    def waits(self, held: LeaseHeld) -> None:
        """Say that another process does this work at the moment."""
        self.beat()
        self._failing = None
        if not self._waiting:
            _log.info("part_waits", part=self.name, **_told(held))
        self._waiting = True

    def excuse(self, pause: float) -> None:
        """Leave out of account that nothing at all ran for so many seconds."""
        self._beaten_at += pause

    @property
    def seconds_since_work(self) -> float:
        """Return for how long the part has not done its work."""
        return monotonic() - self._worked_at

    @property
    def code(self) -> str | None:
        """Return None if the part is well, else the code of what is wrong."""
        if self._failing is None and self._silent_for(self._patience.late):
            return LATE
        return self._failing

    @property
    def is_hung(self) -> bool:
        """Tell whether it has said nothing for so long that it will not go on."""
        return self._silent_for(self._patience.hung)

    def work(self, stop: threading.Event) -> None:
        """Do the job, until `stop` is set."""
        self._work(self, stop)

    def _silent_for(self, time: timedelta) -> bool:
        return monotonic() - self._beaten_at > time.total_seconds()


def in_turns(
    turn: Callable[[Callable[[], None]], timedelta],
) -> Callable[[Part, threading.Event], None]:
    """Return the work of a part that repeats `turn`, also after a failure that passes.

    Args:
        turn: does what is to be done now, and returns how long to wait before the next one. What
            takes long calls the given function now and then. It may be repeated after any failure.
    """

    def work(part: Part, stop: threading.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                pause = turn(part.beat)
            except LeaseHeld as held:
                part.waits(held)
                pause = LONGEST_WAIT
            except SendoptError as failure:
                if not passes(failure):
                    raise
                failures += 1
                part.failed(failure, failures)
                who = f"{part.name} {os.getpid()}"
                pause = back_off(who, failures, first=FIRST_WAIT, longest=LONGEST_WAIT)
            else:
                failures = 0
                part.worked()
            _wait(part, stop, pause.total_seconds())

    return work


def passes(failure: SendoptError) -> bool:
    """Tell whether trying again may help: a store comes back, a disk is freed, a lease let go."""
    return isinstance(failure, StoreFailure | LeaseHeld) or failure.code in _PASSING_CODES


class Supervisor:
    """Runs the parts of a process, in the thread that calls it, until it is told to stop.

    Args:
        parts: which may not be started before everything that they import is there.
        stop: set by whoever wants the process to end, and by the supervisor if a part is lost.
        stopping: how long the parts have to finish what they have begun.
    """

    def __init__(
        self, parts: Sequence[Part], stop: threading.Event, *, stopping: timedelta
    ) -> None:
        self._parts = {
            part: threading.Thread(
                target=self._live, args=(part,), name=f"part {part.name}", daemon=True
            )
            for part in parts
        }
        self._stop = stop
        self._stopping = stopping
        self._lost = False
        self._late: set[str] = set()

    def run(self) -> bool:
        """Return once `stop` is set and every part has ended, or has had its time to.

        False = a part was lost: the process is to end with status 1.
        """
        for thread in self._parts.values():
            thread.start()
        looked_at = monotonic()
        while not self._stop.wait(_BEAT_SECONDS):
            now = monotonic()
            self._look(paused=now - looked_at - _BEAT_SECONDS)
            looked_at = now
        ends_at = monotonic() + self._stopping.total_seconds()
        for part, thread in self._parts.items():
            # Nobody waits for one that is hung: the sooner the process is started anew, the better.
            thread.join(0.0 if part.is_hung else max(0.0, ends_at - monotonic()))
            if thread.is_alive():
                _log.error("part_did_not_stop", part=part.name)
        return not self._lost

    @property
    def all_ended(self) -> bool:
        """Whether no part is at work any more."""
        return not any(thread.is_alive() for thread in self._parts.values())

    def _look(self, *, paused: float) -> None:
        """Look after every part, where this thread itself was held up for `paused` seconds."""
        for part, thread in self._parts.items():
            if paused > _BEAT_SECONDS:  # a stopped process, a machine asleep: nobody is late
                part.excuse(paused)
            if not thread.is_alive() and not self._stop.is_set():
                self._lose(part, code="part_ended", reason="its thread was ended")
            elif part.is_hung:
                self._lose(part, code="part_hung", reason="it has said nothing for too long")
        late = {part.name for part in self._parts if part.code == LATE}
        for name in sorted(late - self._late):
            _log.error(LATE, part=name)
        self._late = late

    def _live(self, part: Part) -> None:
        try:
            part.work(self._stop)
            if not self._stop.is_set():
                self._lose(part, code="part_ended", reason="it returned")
        except BaseException as error:  # noqa: BLE001 - whatever ended it is said and ends all
            self._lose(part, **_told(error))

    def _lose(self, part: Part, **told: object) -> None:
        self._lost = True
        self._stop.set()
        _log.critical("part_lost", part=part.name, **told)


def _wait(part: Part, stop: threading.Event, seconds: float) -> None:
    """Wait, beating; by a clock that nobody sets."""
    ends_at = monotonic() + seconds
    while not stop.is_set() and (left := ends_at - monotonic()) > 0:
        stop.wait(min(left, _BEAT_SECONDS))
        part.beat()


def _told(error: BaseException) -> dict[str, object]:
    """Return what may be said of a failure: no value of any row, and no secret.

    The words of what passes speak of stores and processes alone; others may quote what was given.
    """
    if not isinstance(error, SendoptError):
        return {"code": "part_ended", **trace(error)}
    if not passes(error):
        return {"code": error.code, **trace(error)}
    cause = error.__cause__
    because = {} if cause is None else {"cause": trace(cause)}
    return {"code": error.code, "reason": str(error), **because}
