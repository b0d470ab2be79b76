"""A thread that dies while it works on a request takes that request with it, and nothing else."""

from __future__ import annotations

import asyncio
import ctypes
import secrets
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from contextvars import ContextVar
from pathlib import Path

import httpx
import pytest

from sendopt.api.threads import ThreadLost, in_thread
from sendopt.api.workers import BUSY
from sendopt.app import App
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import SystemClock
from sendopt.settings import Settings

_DEATHS = 100


@pytest.mark.parametrize("death", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_ends_a_thread_does_not_end_the_event_loop(death: type[BaseException]) -> None:
    def die() -> None:
        raise death

    async def run() -> int:
        with pytest.raises(ThreadLost):
            await in_thread(die)
        return await in_thread(lambda: 7)

    assert asyncio.run(run()) == 7


def test_whatever_work_raises_is_raised_where_it_is_waited_for() -> None:
    with pytest.raises(LookupError):
        asyncio.run(in_thread(lambda: {}["absent"]))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_between_two_pieces_of_work_costs_neither() -> None:
    async def run() -> list[int]:
        worker = await in_thread(threading.current_thread)
        _kill(worker)  # it dies as the next piece wakes it: who worked last is asked first
        return [await in_thread(lambda number=number: number) for number in range(3)]

    assert asyncio.run(run()) == [0, 1, 2]


def test_no_piece_of_work_sees_what_another_one_set() -> None:
    seen = ContextVar("seen", default=False)

    def look() -> bool:
        before = seen.get()
        seen.set(True)
        return before

    async def run() -> list[bool]:
        return [await in_thread(look) for _ in range(3)]

    assert asyncio.run(run()) == [False] * 3


def test_work_waits_for_no_thread_to_start_once_as_many_were_at_work_before() -> None:
    async def at_once(together: threading.Barrier) -> set[int]:
        def meet() -> int:
            together.wait()
            return threading.get_ident()

        return set(await asyncio.gather(*(in_thread(meet) for _ in range(8))))

    async def run() -> None:
        first = await at_once(threading.Barrier(8))
        assert len(first) == 8
        assert await at_once(threading.Barrier(8)) == first

    asyncio.run(run())


def test_requests_whose_threads_die_are_answered_and_leave_their_places(
    tmp_path: Path, empty_home: Path, serve: Callable[[App], AbstractContextManager[str]]
) -> None:
    home = shutil.copytree(empty_home, tmp_path / "home")
    with closing(App(Settings(home=home), SystemClock(), secrets.token_bytes)) as app:
        key = app.as_owner_of(DEFAULT_TENANT).keys.issue("tests").key
        over = threading.Event()
        with serve(app) as url:
            headers = {"Authorization": f"Bearer {key}"}
            with httpx.Client(base_url=url, headers=headers, timeout=30) as client:

                def ask(_number: int) -> set[int]:
                    answers = set()
                    while not over.is_set():
                        answers.add(client.get("/v1/users/nobody").status_code)
                    return answers

                with ThreadPoolExecutor(8) as clients:
                    asking = [clients.submit(ask, number) for number in range(8)]
                    for _ in range(_DEATHS):
                        _kill_one()
                    over.set()
                answers = set().union(*(each.result() for each in asking))
                assert answers == {404, 500}
                assert client.get("/v1/users/nobody").status_code == 404


def _kill_one() -> None:
    """Raise SystemExit in a thread that works on a request, as soon as there is one."""
    while True:
        for thread in threading.enumerate():
            if thread.name == BUSY:
                _kill(thread)
                return


def _kill(thread: threading.Thread) -> None:
    ident = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(SystemExit))
