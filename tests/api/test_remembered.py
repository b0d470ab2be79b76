"""What is remembered was true a moment ago; what failed is not remembered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from sendopt.api import remembered as remembered_module
from sendopt.api.remembered import Remembered


class Moment:
    """Seconds on a clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(autouse=True)
def moment(monkeypatch: pytest.MonkeyPatch) -> Moment:
    moment = Moment()
    monkeypatch.setattr(remembered_module, "monotonic", moment)
    return moment


def test_an_answer_serves_while_it_is_young_and_is_asked_anew_while_it_is_used(
    moment: Moment,
) -> None:
    async def scenario() -> None:
        asked: list[int] = []

        def ask() -> int:
            asked.append(len(asked))
            return asked[-1]

        remembered: Remembered[int] = Remembered(60.0)
        await until(lambda: remembered.get("key", ask), 0)
        moment.seconds = 30.0
        assert await remembered.get("key", ask) == 0
        assert asked == [0]
        moment.seconds = 31.0  # past half of its time it still serves
        assert await remembered.get("key", ask) == 0
        await until(lambda: remembered.get("key", ask), 1)
        moment.seconds = 92.0  # nobody asked for longer than it may be believed
        assert await remembered.get("key", ask) != 1
        await until(lambda: remembered.get("key", ask), 2)
        assert asked == [0, 1, 2]

    asyncio.run(scenario())


def test_what_fails_leaves_no_answer(moment: Moment) -> None:
    async def scenario() -> None:
        works = True

        def ask() -> str:
            if not works:
                raise LookupError
            return "yes"

        remembered: Remembered[str] = Remembered(60.0)
        await until(lambda: remembered.get("key", ask), "yes")
        works = False
        moment.seconds = 31.0
        await until(lambda: remembered.get("key", ask), None)
        assert await remembered.get("other", ask) is None
        works = True
        await until(lambda: remembered.get("key", ask), "yes")

    asyncio.run(scenario())


def test_a_herd_waits_for_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered_module, "_PATIENCE_SECONDS", 60.0)

    async def scenario() -> None:
        asked: list[str] = []
        herd_is_there = threading.Event()

        def ask(key: str) -> str:
            asked.append(key)
            herd_is_there.wait()
            return f"of {key}"

        remembered: Remembered[str] = Remembered(60.0)
        waiting = [
            asyncio.create_task(remembered.get(key, lambda key=key: ask(key)))
            for key in ("one", "other") * 50
        ]
        await asyncio.sleep(0)
        herd_is_there.set()
        assert await asyncio.gather(*waiting) == ["of one", "of other"] * 50
        assert sorted(asked) == ["one", "other"]

    asyncio.run(scenario())


def test_nobody_waits_for_long_and_who_leaves_takes_nothing_along() -> None:
    async def scenario() -> None:
        goes_on = threading.Event()

        def ask() -> str:
            goes_on.wait()
            return "late"

        remembered: Remembered[str] = Remembered(60.0)
        leaving = asyncio.create_task(remembered.get("key", ask))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await remembered.get("key", ask) is None
        goes_on.set()
        await until(lambda: remembered.get("key", ask), "late")

    asyncio.run(scenario())


async def until(get: Callable[[], Awaitable[object]], answer: object) -> None:
    for _ in range(500):
        if await get() == answer:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"it never answered {answer!r}")
