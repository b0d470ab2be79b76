"""Do what waits for stores in threads, while the event loop goes on, and miss a thread that dies.

A thread of a pool can die between two pieces of work, and the next one that is given to it is never
answered: the framework's pool notices neither. Here whoever waits for an answer looks after the
thread that owes it.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any, TypeVar

import structlog

from sendopt.api.workers import Piece, Workers
from sendopt.app.logging import trace
from sendopt.errors import SendoptError

Result = TypeVar("Result")

_LOOK_EVERY_SECONDS = 1.0  # whether a thread that has not answered still lives

_log = structlog.get_logger(__name__)
_workers = Workers()


class ThreadLost(SendoptError):
    """A thread ended before its work did. Nobody knows how far it came."""

    code = "thread_lost"


async def in_thread(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, done in a thread that does nothing else meanwhile.

    Raises:
        ThreadLost: something ended the thread, such as a SystemExit in the midst of the work; to
            raise that here would end the event loop as well.
        Exception: whatever `work` raises.
    """
    piece = Piece(functools.partial(_survived, work))
    thread = _workers.begin(piece)
    answer = asyncio.wrap_future(piece.done)
    while not (await asyncio.wait({answer}, timeout=_LOOK_EVERY_SECONDS))[0]:
        if thread.is_alive() or piece.done.done():
            continue
        _log.error(ThreadLost.code, begun=piece.is_begun)
        if piece.is_begun:
            raise _lost()
        thread = _workers.begin(piece)
    return answer.result()


def _survived(work: Callable[[], Result]) -> Result:
    try:
        return work()
    except Exception:
        raise
    except BaseException as death:  # ends this thread, and nothing else
        _log.error(ThreadLost.code, **trace(death))
        raise _lost() from death


def _lost() -> ThreadLost:
    return ThreadLost("the thread that worked on this ended before it was done")


def threaded(endpoint: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return `endpoint` as a coroutine: itself if it is one, else done by `in_thread`."""
    if iscoroutinefunction(endpoint):
        return endpoint

    @functools.wraps(endpoint)
    async def call(*arguments: Any, **named: Any) -> Any:
        return await in_thread(functools.partial(endpoint, *arguments, **named))

    return call
