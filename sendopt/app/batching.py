"""Answers requests of many threads together: whoever comes while one is at work waits for the next.

Nobody waits for a batch to fill: a request that comes alone is answered alone, at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")

_MOST_AT_ONCE = 100


@dataclass(eq=False)
class _Waiting(Generic[Request, Answer]):
    """A request, until it is answered."""

    request: Request
    answers: Sequence[Answer] = ()  # one, once there is one
    failure: Exception | None = None

    @property
    def is_over(self) -> bool:
        return bool(self.answers) or self.failure is not None


class Batcher(Generic[Request, Answer]):
    """Lets one thread after the other answer all that wait.

    Args:
        answer: returns the answers to requests, in their order. What it raises is nobody's answer:
            each of the requests is then tried again alone, so that none fails by another's fault.
    """

    def __init__(self, answer: Callable[[Sequence[Request]], Sequence[Answer]]) -> None:
        self._answer = answer
        self._changed = threading.Condition()
        self._waiting: list[_Waiting[Request, Answer]] = []
        self._is_busy = False

    def ask(self, request: Request) -> Answer:
        """Return the answer to a request.

        Raises:
            Exception: whatever answering it raises.
        """
        mine = _Waiting[Request, Answer](request)
        with self._changed:
            self._waiting.append(mine)
            self._changed.wait_for(lambda: mine.is_over or not self._is_busy)
            taken: list[_Waiting[Request, Answer]] = []
            if not mine.is_over:
                self._is_busy = True
                taken, self._waiting = self._take(mine)
        if taken:
            try:
                self._answer_all(taken)
            finally:
                with self._changed:
                    # Others than this one are still open only if its thread is being ended.
                    self._waiting += [each for each in taken[1:] if not each.is_over]
                    self._is_busy = False
                    self._changed.notify_all()
        if mine.failure is not None:
            raise mine.failure
        return mine.answers[0]

    def _take(
        self, mine: _Waiting[Request, Answer]
    ) -> tuple[list[_Waiting[Request, Answer]], list[_Waiting[Request, Answer]]]:
        """Return whom to answer now, and who goes on waiting."""
        others = [each for each in self._waiting if each is not mine]
        return [mine, *others[: _MOST_AT_ONCE - 1]], others[_MOST_AT_ONCE - 1 :]

    def _answer_all(self, taken: Sequence[_Waiting[Request, Answer]]) -> None:
        try:
            answers = self._answer([each.request for each in taken])
        except Exception as failure:  # noqa: BLE001 - raised in the thread that asked
            if len(taken) == 1:
                taken[0].failure = failure
                return
            for each in taken:
                self._answer_all([each])
            return
        for each, answer in zip(taken, answers, strict=True):
            each.answers = [answer]
