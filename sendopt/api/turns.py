"""Bound how many requests of a kind are worked on, and how many wait for that."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from sendopt.errors import Overloaded, TooManyRequests

#: One caller may hold so much of the places to work and to wait, so that others find some.
_SHARE = 0.75


class Turns:
    """So many requests work at once, and so many wait for their turn, first come first served.

    Whoever comes beyond that, or has waited in vain for `patience` seconds, is refused at once and
    costs next to nothing. For the event loop's thread only.
    """

    def __init__(self, name: str, *, at_once: int, waiting: int, patience: float) -> None:
        self.name = name
        self._free = at_once
        self._room = waiting
        self._patience = patience
        self._share = max(1, int(_SHARE * (at_once + waiting)))
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._held: Counter[Hashable] = Counter()  # by caller: turns and places in the queue

    async def take(self, caller: Hashable | None, *, first: bool = False) -> None:
        """Wait for a turn; None is nobody in particular, whose share nobody counts.

        Args:
            caller: who asks.
            first: it has waited before, and goes before all who have not.

        Raises:
            TooManyRequests: the caller has its share already.
            Overloaded: all places are taken, or the turn did not come in time.
        """
        self._check_room(caller, first=first)
        self._held[caller] += 1
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        if first:
            self._waiting.appendleft(turn)
        else:
            self._waiting.append(turn)
        await self._wait_for(turn, caller)

    def give_back(self, caller: Hashable | None) -> None:
        """End a turn; the next in the queue has it."""
        self._forget(caller)
        self._hand_on()

    def _check_room(self, caller: Hashable | None, *, first: bool) -> None:
        if first:
            return
        if not self._free and len(self._waiting) >= self._room:
            raise Overloaded(
                f"all places for {self.name} are taken",
                expected=f"at most {self._room} requests that wait",
                hint="repeat it after Retry-After; nothing of it was begun",
            )
        if caller is not None and self._held[caller] >= self._share:
            raise TooManyRequests(
                f"you have too many requests for {self.name} open at once",
                expected=f"at most {self._share} of one caller",
                hint="wait for answers before asking more; repeat it after Retry-After",
            )

    async def _wait_for(self, turn: asyncio.Future[None], caller: Hashable | None) -> None:
        came = False
        try:
            async with asyncio.timeout(self._patience):
                await turn
            came = True
        except TimeoutError as error:
            raise Overloaded(
                f"the turn of this request did not come within {self._patience:.0f} seconds",
                hint="repeat it after Retry-After; nothing of it was begun",
            ) from error
        finally:
            if not came:
                self._forget(caller)
                if not turn.cancelled():  # it came in the very moment of giving up
                    self._hand_on()
                elif turn in self._waiting:
                    self._waiting.remove(turn)

    def _hand_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _forget(self, caller: Hashable | None) -> None:
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]


class Turn:
    """The turn of one request, held while it works and not while it waits for its client."""

    def __init__(self, turns: Turns, caller: Hashable | None) -> None:
        self._turns = turns
        self._caller = caller
        self._held = False

    async def begin(self, *, again: bool = False) -> None:
        """Wait for the turn.

        Raises:
            Overloaded: as `Turns.take`.
        """
        await self._turns.take(self._caller, first=again)
        self._held = True

    def end(self) -> None:
        """Let the next one work; again changes nothing."""
        if self._held:
            self._held = False
            self._turns.give_back(self._caller)

    @asynccontextmanager
    async def aside(self, other: Turns) -> AsyncIterator[None]:
        """Hold a turn of `other` instead; afterwards this one again, before all newcomers.

        Raises:
            Overloaded: as `Turns.take`.
        """
        self.end()
        await other.take(self._caller)
        try:
            yield
        finally:
            other.give_back(self._caller)
        await self.begin(again=True)
