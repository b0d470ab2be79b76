"""Requests of many threads that are answered together, and each with its own answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from sendopt.app.batching import Batcher


class Answering:
    """Doubles numbers; the first batch of all lasts until somebody lets it go on."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        self.has_begun.set()
        assert self.may_go_on.wait(timeout=60)
        if 13 in numbers:
            raise ValueError("13")
        if -1 in numbers:
            raise SystemExit
        return [2 * number for number in numbers]


def together(answering: Answering, first: int, others: Sequence[int]) -> list[Future[int]]:
    """Ask for one number, and while that is being answered for all others."""
    batcher = Batcher(answering)
    waiting = threading.Semaphore(0)

    def ask(number: int) -> int:
        waiting.release()
        return batcher.ask(number)

    with ThreadPoolExecutor(1 + len(others)) as threads:
        asked = [threads.submit(ask, first)]
        assert answering.has_begun.wait(timeout=60)
        asked += [threads.submit(ask, number) for number in others]
        while len(batcher._waiting) < len(others):
            pass
        answering.may_go_on.set()
    return asked


def test_whoever_comes_alone_is_answered_alone() -> None:
    answering = Answering()
    answering.may_go_on.set()
    batcher = Batcher(answering)
    assert [batcher.ask(number) for number in (1, 2, 3)] == [2, 4, 6]
    assert answering.batches == [[1], [2], [3]]


def test_who_waits_is_answered_together_with_all_who_do() -> None:
    answering = Answering()
    asked = together(answering, 0, range(1, 13))
    assert [each.result() for each in asked] == [2 * number for number in range(13)]
    assert answering.batches[0] == [0]
    assert sorted(answering.batches[1]) == list(range(1, 13))
    assert len(answering.batches) == 2


def test_no_request_fails_by_the_fault_of_another() -> None:
    answering = Answering()
    asked = together(answering, 0, [1, 13, 2])
    assert [asked[place].result() for place in (0, 1, 3)] == [0, 2, 4]
    with pytest.raises(ValueError, match="13"):
        asked[2].result()


def test_a_thread_that_is_ended_leaves_the_others_to_the_next() -> None:
    answering = Answering()
    asked = together(answering, -1, [1, 2])
    with pytest.raises(SystemExit):
        asked[0].result()
    assert [each.result() for each in asked[1:]] == [2, 4]


def test_a_batch_that_is_ended_ends_one_request_alone() -> None:
    answering = Answering()
    asked = together(answering, 0, [1, -1, 2])
    ended = [each for each in asked if isinstance(each.exception(), SystemExit)]
    assert len(ended) >= 1
    assert asked[0].result() == 0
