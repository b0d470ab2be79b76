"""Threads that wait for work, so that whoever has some does not wait until a thread runs.

`Thread.start` comes back when the new thread has had its first turn. On an event loop everybody
waits for that, and where cores are shared it takes as long as the system gives them to others.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")

BUSY, IDLE = "request", "idle"  # names of threads


class Piece(Generic[Result]):
    """A piece of work, and what became of it."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self.done: Future[Result] = Future()
        self.is_begun = False
        self._work = work

    def do(self) -> Callable[[], None]:
        """Do the work, and return what tells its answer, or its failure, to whoever waits."""
        self.is_begun = True
        try:
            answer = self._work()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            return partial(self.done.set_exception, error)
        return partial(self.done.set_result, answer)


class Workers:
    """As many threads as were ever at work at once; those that died are left out."""

    def __init__(self) -> None:
        self._idle: deque[_Worker] = deque()

    def begin(self, piece: Piece[Result]) -> threading.Thread:
        """Let a thread do `piece`, and return it: one that dies may leave no answer."""
        worker = self._idle_one() or _Worker(self._idle)
        worker.given.put(piece)
        return worker.thread

    def _idle_one(self) -> _Worker | None:
        """Return the one that worked last: what it used is still at hand."""
        while True:
            try:
                worker = self._idle.pop()
            except IndexError:
                return None
            if worker.thread.is_alive():
                return worker


class _Worker:
    """A daemon: the end of the process does not wait for an answer that nobody needs any more."""

    def __init__(self, idle: deque[_Worker]) -> None:
        self.given = SimpleQueue[Piece[Any]]()
        self._idle = idle
        self.thread = threading.Thread(target=self._live, name=IDLE, daemon=True)
        self.thread.start()

    def _live(self) -> None:
        while True:
            piece = self.given.get()
            self.thread.name = BUSY
            tell = Context().run(piece.do)  # nothing that one piece sets is seen by the next
            self.thread.name = IDLE
            self._idle.append(self)  # first: whoever hears the answer may have the next piece
            tell()
            del piece, tell  # nor is an answer kept
