"""More requests than can be worked on: who waits, who is refused, and who notices nothing."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.api import admission
from sendopt.api.turns import Turns
from sendopt.app import App
from sendopt.errors import Overloaded, TooManyRequests


def turns(*, at_once: int = 2, waiting: int = 2, patience: float = 60.0) -> Turns:
    return Turns("tests", at_once=at_once, waiting=waiting, patience=patience)


def test_whoever_finds_no_place_is_refused_at_once() -> None:
    async def run() -> None:
        of_tests = turns()
        await of_tests.take(None)
        await of_tests.take(None)
        waiting = [asyncio.create_task(of_tests.take(None)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await of_tests.take(None)
        of_tests.give_back(None)
        of_tests.give_back(None)
        await asyncio.gather(*waiting)

    asyncio.run(run())


def test_whoever_waits_in_vain_is_refused_and_leaves_its_place() -> None:
    async def run() -> None:
        of_tests = turns(at_once=1, waiting=1, patience=0.01)
        await of_tests.take("a")
        for _ in range(3):
            with pytest.raises(Overloaded):
                await of_tests.take("b")
        of_tests.give_back("a")
        await of_tests.take("b")

    asyncio.run(run())


def test_one_caller_leaves_places_to_others() -> None:
    async def run() -> None:
        of_tests = turns(at_once=4, waiting=0)
        for _ in range(3):
            await of_tests.take("greedy")
        with pytest.raises(TooManyRequests):
            await of_tests.take("greedy")
        await of_tests.take("modest")

    asyncio.run(run())


def test_whoever_waited_before_goes_first() -> None:
    async def run() -> list[str]:
        of_tests = turns(at_once=1, waiting=1)
        order: list[str] = []

        async def work(name: str, *, first: bool) -> None:
            await of_tests.take(name, first=first)
            order.append(name)
            of_tests.give_back(name)

        await of_tests.take(None)
        late = asyncio.create_task(work("newcomer", first=False))
        await asyncio.sleep(0)
        early = asyncio.create_task(work("again", first=True))
        await asyncio.sleep(0)
        of_tests.give_back(None)
        await asyncio.gather(late, early)
        return order

    assert asyncio.run(run()) == ["again", "newcomer"]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 3)), max_size=60),
    st.integers(1, 4),
    st.integers(0, 4),
)
def test_no_turn_is_ever_lost_or_doubled(
    steps: list[tuple[str, bool, int]], at_once: int, waiting: int
) -> None:
    """Workers come, are cancelled while they wait, and leave, in any order."""

    async def run() -> None:
        of_tests = turns(at_once=at_once, waiting=waiting)
        working = 0
        tasks: list[asyncio.Task[None]] = []

        async def work(caller: str, pauses: int) -> None:
            nonlocal working
            await of_tests.take(caller)
            working += 1
            assert working <= at_once
            try:
                for _ in range(pauses):
                    await asyncio.sleep(0)
            finally:
                working -= 1
                of_tests.give_back(caller)

        for caller, cancelled, pauses in steps:
            tasks.append(asyncio.create_task(work(caller, pauses)))
            await asyncio.sleep(0)
            if cancelled:
                tasks[len(tasks) // 2].cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        allowed = (Overloaded, asyncio.CancelledError, type(None))
        assert all(isinstance(each, allowed) for each in ended)
        for _ in range(at_once):  # all turns are there again
            await of_tests.take(None)

    asyncio.run(run())


@contextmanager
def locked(app: App) -> Iterator[None]:
    """Hold SQLite's write lock, as another process would."""
    path = Path(app.settings.home) / "state.sqlite"
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture
def write(url: str, acme_key: str) -> Callable[[int], socket.socket]:
    """Send a request that writes, over a connection of its own, and do not wait for its answer."""

    def send(number: int) -> socket.socket:
        address = urlsplit(url)
        connection = socket.create_connection((address.hostname, address.port), timeout=60)
        body = b'{"timezone":"UTC"}'
        connection.sendall(
            f"PUT /v1/users/waits-{number} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {acme_key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return connection

    return send


def test_a_state_that_is_held_stops_neither_health_nor_reads_and_bounds_who_waits(
    app: App,
    stranger: httpx.Client,
    acme: httpx.Client,
    other: httpx.Client,
    write: Callable[[int], socket.socket],
) -> None:
    many = admission.WAITING + 20
    with ExitStack() as held:
        with locked(app):
            writers = [held.enter_context(closing(write(n))) for n in range(many)]
            refused = [writer.recv(65_536) for writer in writers[-10:]]
            assert stranger.get("/healthz").json() == {"status": "ok"}
            assert acme.get("/v1/users/nobody").status_code == 404
            assert other.get("/v1/users/nobody").status_code == 404
        statuses = [writer.recv(65_536)[:12] for writer in writers[:-10]]
    for answer in refused:
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 1" in answer.lower()
        assert b"application/problem+json" in answer
    assert set(statuses) <= {b"HTTP/1.1 200", b"HTTP/1.1 429", b"HTTP/1.1 503"}
    assert statuses[:2] == [b"HTTP/1.1 200"] * 2  # whoever had its turn, has it still


def test_slow_bodies_hold_up_no_body_that_comes_at_once(
    url: str, acme_key: str, acme: httpx.Client
) -> None:
    address = urlsplit(url)
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {acme_key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n["
    ).encode()
    with ExitStack() as held:
        for _ in range(60):
            slow = socket.create_connection((address.hostname, address.port), timeout=60)
            held.enter_context(closing(slow)).sendall(head)
        assert slow.recv(65_536).startswith(b"HTTP/1.1 429 ")  # more than its share of slow ones
        assert acme.put("/v1/users/quick", json={"timezone": "UTC"}).status_code == 200
        assert acme.post("/v1/events", json=[{}]).json()["code"] == "missing_field"
