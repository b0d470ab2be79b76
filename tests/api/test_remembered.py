"""What is remembered was true a moment ago; what failed is not remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sendopt.api.remembered import Remembered


def test_an_answer_serves_while_it_is_young_and_is_asked_anew_while_it_is_used() -> None:
    async def scenario() -> None:
        asked: list[int] = []

        def ask() -> int:
            asked.append(len(asked))
            return asked[-1]

        remembered: Remembered[int] = Remembered(0.4)
        assert remembered.get("key", ask) is None
        await until(lambda: remembered.get("key", ask) == 0)
        assert asked == [0]
        await asyncio.sleep(0.25)  # past half of its time it still serves
        assert remembered.get("key", ask) == 0
        await until(lambda: remembered.get("key", ask) == 1)
        await asyncio.sleep(0.5)  # nobody asked for longer than it may be believed
        assert remembered.get("key", ask) is None
        await until(lambda: remembered.get("key", ask) == 2)

    asyncio.run(scenario())


def test_what_fails_leaves_no_answer() -> None:
    async def scenario() -> None:
        works = True

        def ask() -> str:
            if not works:
                raise LookupError
            return "yes"

        remembered: Remembered[str] = Remembered(0.4)
        await until(lambda: remembered.get("key", ask) == "yes")
        works = False
        await asyncio.sleep(0.25)
        await until(lambda: remembered.get("key", ask) is None)
        assert remembered.get("other", ask) is None
        works = True
        await until(lambda: remembered.get("key", ask) == "yes")

    asyncio.run(scenario())


async def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came true")
