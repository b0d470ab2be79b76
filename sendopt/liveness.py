"""Ask a part that may be silent, without waiting for it longer than the asker can."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any, Generic, TypeVar

from sendopt.clock import monotonic

Answer = TypeVar("Answer")

#: A server may be back by then, and a peer that only acknowledges will never answer.
ANEW_AFTER = timedelta(seconds=3)
#: Each question that is left open keeps a thread, and whatever it asked over.
MOST_LEFT_OPEN = 4


class Liveness(Generic[Answer]):
    """One question, asked in the background; askers that meet an open question share it.

    A client that retries for minutes would otherwise hold up every probe, or gather threads.

    Args:
        question: returns when the part has answered, raises when it has not.
        renew: leaves connections behind that may never answer, and raises within seconds if no new
            one can be made. A question that is open for longer than `ANEW_AFTER` is asked anew
            after this; without it, or beside MOST_LEFT_OPEN older ones, it stays open.
    """

    def __init__(
        self, question: Callable[[], Answer], *, renew: Callable[[], object] | None = None
    ) -> None:
        self._question = question
        self._renew = renew
        self._turn = threading.Lock()
        self._asked: Future[Answer] | None = None
        self._asked_at = monotonic()
        self._left_open: list[Future[Answer]] = []

    def ask(self) -> Future[Answer]:
        """Return where the answer will be. Others may wait for it: it is not to be cancelled."""
        with self._turn:
            if self._asked is None or self._asked.done():
                self._asked = self._start(self._question)
            elif self._renew is not None and self._is_overdue() and self._may_leave(self._asked):
                self._asked = self._start(_after(self._renew, self._question))
            return self._asked

    def _start(self, question: Callable[[], Answer]) -> Future[Answer]:
        self._asked_at = monotonic()
        return in_background(question, name="liveness")

    def _may_leave(self, asked: Future[Answer]) -> bool:
        self._left_open = [each for each in self._left_open if not each.done()]
        if len(self._left_open) >= MOST_LEFT_OPEN:
            return False
        self._left_open.append(asked)
        return True

    def _is_overdue(self) -> bool:
        return monotonic() - self._asked_at > ANEW_AFTER.total_seconds()

    def check(self, within: timedelta) -> Answer:
        """Return what the part answers.

        Raises:
            TimeoutError: if it does not do so `within` this time.
            Exception: whatever the question raises.
        """
        return self.ask().result(within.total_seconds())


def _after(renew: Callable[[], object], question: Callable[[], Answer]) -> Callable[[], Answer]:
    def ask() -> Answer:
        renew()
        return question()

    return ask


class LeftBehind:
    """Questions that nobody waits for any longer, by who was asked; they still take a core each.

    No thread can be stopped from outside. Whoever has left `most` questions open is not asked
    again until one has ended.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._turn = threading.Lock()
        self._open: dict[str, list[Future[Any]]] = {}

    def add(self, asked: str, question: Future[Any]) -> None:
        """Keep in mind that `question` to `asked` is still open."""
        with self._turn:
            self._open.setdefault(asked, []).append(question)

    def too_many(self, asked: str) -> bool:
        """Tell whether `asked` still works at as many questions as may be left behind."""
        with self._turn:
            still = [each for each in self._open.pop(asked, ()) if not each.done()]
            if still:
                self._open[asked] = still
            return len(still) >= self._most


def in_background(ask: Callable[[], Answer], *, name: str) -> Future[Answer]:
    """Ask in a thread of its own, and return where the answer or the failure will be.

    A daemon: the end of the process does not wait for an answer that nobody needs any more.
    """
    question: Future[Answer] = Future()

    def run() -> None:
        try:
            answer = ask()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            question.set_exception(error)
        else:
            question.set_result(answer)

    threading.Thread(target=run, name=name, daemon=True).start()
    return question
