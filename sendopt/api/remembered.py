"""Answers to slow questions, kept for a moment and asked anew while they are used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

from sendopt.clock import monotonic

Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """Answers that were true at most `seconds` ago.

    Past half of that the question is asked again in the background, while the answer goes on
    serving; so who asks all the time never waits. A question that fails leaves no answer, and is
    never remembered as failed. For the event loop's thread only.

    Args:
        seconds: how old an answer may be.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[Hashable, tuple[float, Answer]] = {}
        self._asking: dict[Hashable, asyncio.Task[None]] = {}

    def get(self, key: Hashable, ask: Callable[[], Answer]) -> Answer | None:
        """Return the answer; None if there is none yet, or none any more.

        Args:
            key: names the question.
            ask: answers it, on a worker thread; a raised error means that there is no answer.
        """
        asked_at, answer = self._known.get(key, (0.0, None))
        age = monotonic() - asked_at
        if (answer is None or age > self._seconds / 2) and key not in self._asking:
            self._asking[key] = asyncio.create_task(self._ask(key, ask))
        return answer if age <= self._seconds else None

    async def _ask(self, key: Hashable, ask: Callable[[], Answer]) -> None:
        asked_at = monotonic()  # what is answered later was true then
        try:
            answer = await run_in_threadpool(ask)
        except Exception:  # noqa: BLE001 - whoever needs the answer asks again and hears why
            self._known.pop(key, None)
        else:
            self._known[key] = (asked_at, answer)
        finally:
            del self._asking[key]
