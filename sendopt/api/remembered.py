"""Answers to slow questions, kept for a moment and asked anew while they are used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from sendopt.api.threads import in_thread
from sendopt.clock import monotonic

Answer = TypeVar("Answer")

#: Questions that are asked at a time; they never stand behind slow routes.
_ASKED_AT_ONCE = 4
#: Questions that wait or are asked; whoever comes beyond has to find the answer elsewhere.
_MOST_AT_ONCE = 64
_PATIENCE_SECONDS = 0.25  # beyond it whoever waits has to find the answer elsewhere


class Remembered(Generic[Answer]):
    """Answers that were true at most `seconds` ago.

    Past half of that the question is asked again in the background, while the answer goes on
    serving; so who asks all the time never waits. Where there is no answer, all who come wait a
    moment for one question: a herd of them, each on its own way to the answer, would take seconds.
    A question that fails leaves no answer, and is never remembered as failed. For the event loop's
    thread only.

    Args:
        seconds: how old an answer may be.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[Hashable, tuple[float, Answer]] = {}
        self._asking: dict[Hashable, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def get(self, key: Hashable, ask: Callable[[], Answer]) -> Answer | None:
        """Return the answer; None if there is none, or none within a moment.

        Args:
            key: names the question.
            ask: answers it, on a worker thread; a raised error means that there is no answer.
        """
        age, answer = self._young(key)
        if age <= self._seconds / 2:
            return answer
        asking = self._asking.get(key)
        if asking is None:
            if len(self._asking) >= _MOST_AT_ONCE:
                return answer
            asking = self._asking[key] = asyncio.create_task(self._ask(key, ask))
        if answer is None:
            await asyncio.wait({asking}, timeout=_PATIENCE_SECONDS)
            _, answer = self._young(key)
        return answer

    def _young(self, key: Hashable) -> tuple[float, Answer | None]:
        """Return the age in seconds of what is known, and what that is if it is young enough."""
        known = self._known.get(key)
        if known is None:
            return self._seconds, None
        age = monotonic() - known[0]
        return age, known[1] if age <= self._seconds else None

    async def _ask(self, key: Hashable, ask: Callable[[], Answer]) -> None:
        asked_at = monotonic()  # what is answered later was true then
        try:
            async with self._turns:
                answer = await in_thread(ask)
        except Exception:  # noqa: BLE001 - whoever needs the answer asks again and hears why
            self._known.pop(key, None)
        else:
            self._known[key] = (asked_at, answer)
        finally:
            del self._asking[key]
