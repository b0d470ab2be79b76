"""No part of a process ends in silence: it tries again, or the process ends."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import structlog
from waiting import wait_until

from sendopt.app import supervision
from sendopt.app.supervision import Part, Patience, Supervisor, in_turns
from sendopt.errors import InvalidInput, InvariantBroken, LeaseHeld, StoreFailure

CALM = Patience(late=timedelta(minutes=5), hung=timedelta(minutes=5))
AT_ONCE = timedelta(0)

Turn = Callable[[Callable[[], None]], timedelta]


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "LONGEST_WAIT", timedelta(milliseconds=5))


class Running:
    """A supervisor at work in another thread."""

    def __init__(self, parts: list[Part], stopping: timedelta = timedelta(minutes=1)) -> None:
        self.stop = threading.Event()
        self.well: bool | None = None
        self._supervisor = Supervisor(parts, self.stop, stopping=stopping)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.well = self._supervisor.run()

    def ended(self) -> bool | None:
        """Wait for its end and return whether it was well."""
        wait_until(lambda: not self._thread.is_alive(), "the supervisor to end")
        return self.well


@contextmanager
def running(*parts: Part, stopping: timedelta = timedelta(minutes=1)) -> Iterator[Running]:
    process = Running(list(parts), stopping)
    try:
        yield process
    finally:
        process.stop.set()
        process.ended()


def counting(turns: list[str], name: str) -> Part:
    def turn(_beat: Callable[[], None]) -> timedelta:
        turns.append(name)
        return timedelta(milliseconds=1)

    return Part(name, in_turns(turn), CALM)


@pytest.mark.parametrize(
    "failure",
    [
        StoreFailure("away", statement="s", code="store_unavailable"),
        StoreFailure("full", statement="s", code="disk_full"),
        InvariantBroken("the log is ahead", code="log_ahead"),
    ],
    ids=lambda failure: failure.code,
)
def test_what_passes_is_tried_again_and_shows_meanwhile_while_others_go_on(
    failure: Exception,
) -> None:
    turns: list[str] = []
    away = threading.Event()
    away.set()

    def turn(_beat: Callable[[], None]) -> timedelta:
        if away.is_set():
            raise failure
        return AT_ONCE + timedelta(milliseconds=1)

    part = Part("append", in_turns(turn), CALM)
    with structlog.testing.capture_logs() as logs, running(part, counting(turns, "other")) as it:
        wait_until(lambda: part.restarts >= 3, "three tries")
        assert part.code == failure.code  # type: ignore[attr-defined]
        seen = len(turns)
        wait_until(lambda: len(turns) > seen, "the other part to go on")
        away.clear()
        wait_until(lambda: part.code is None, "the part to be well")
        it.stop.set()
        assert it.ended() is True
    (first, *_) = [line for line in logs if line["event"] == "part_failing"]
    assert (first["part"], first["code"]) == ("append", failure.code)  # type: ignore[attr-defined]
    assert [line["part"] for line in logs if line["event"] == "part_recovered"] == ["append"]


def test_who_waits_for_a_right_that_another_process_has_is_well() -> None:
    def turn(_beat: Callable[[], None]) -> timedelta:
        tries.append(1)
        raise LeaseHeld("another holds it")

    tries: list[int] = []
    part = Part("append", in_turns(turn), CALM)
    with structlog.testing.capture_logs() as logs, running(part) as it:
        wait_until(lambda: len(tries) >= 3, "three tries")
        assert (part.code, part.restarts) == (None, 0)
        it.stop.set()
        assert it.ended() is True
    assert [line["event"] for line in logs] == ["part_waits"]


def _raises(error: BaseException) -> Turn:
    def turn(_beat: Callable[[], None]) -> timedelta:
        raise error

    return turn


@pytest.mark.parametrize(
    "work",
    [
        in_turns(_raises(ZeroDivisionError("4711"))),
        in_turns(_raises(OSError(5, "4711"))),
        in_turns(_raises(InvariantBroken("4711"))),
        in_turns(_raises(InvalidInput("4711", field="user_id"))),
        in_turns(_raises(SystemExit("4711"))),
        in_turns(_raises(GeneratorExit("4711"))),
        lambda _part, _stop: None,
    ],
    ids=["bug", "disk", "invariant", "input", "exit", "generator", "returns"],
)
def test_what_nobody_explained_ends_the_process_and_says_where_but_no_value(
    work: Callable[[Part, threading.Event], None],
) -> None:
    with (
        structlog.testing.capture_logs() as logs,
        running(Part("dispatch", work, CALM), counting([], "other")) as it,
    ):
        assert it.ended() is False
    (lost,) = [line for line in logs if line["event"] == "part_lost"]
    assert lost["part"] == "dispatch"
    assert "4711" not in str(logs)


def test_a_thread_that_is_killed_ends_the_process() -> None:
    turns: list[str] = []
    with running(counting(turns, "dispatch"), counting([], "other")) as it:
        wait_until(lambda: bool(turns), "a turn")
        (thread,) = [each for each in threading.enumerate() if each.name == "part dispatch"]
        raised = ctypes.py_object(SystemExit)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), raised)
        assert it.ended() is False


def test_a_part_that_says_nothing_is_late_and_ends_the_process_in_the_end() -> None:
    free = threading.Event()
    patience = Patience(late=timedelta(seconds=0.2), hung=timedelta(seconds=2))
    hanging = Part("dispatch", lambda _part, _stop: free.wait() and None, patience)
    with (
        structlog.testing.capture_logs() as logs,
        running(hanging, counting([], "other"), stopping=AT_ONCE) as it,
    ):
        wait_until(lambda: hanging.code == "part_late", "the part to be late")
        assert it.ended() is False
    free.set()
    (lost,) = [line for line in logs if line["event"] == "part_lost"]
    assert (lost["part"], lost["code"]) == ("dispatch", "part_hung")
    assert [line["part"] for line in logs if line["event"] == "part_late"] == ["dispatch"]


def test_work_that_takes_long_and_beats_is_not_late() -> None:
    part = Part("append", lambda _part, _stop: None, CALM)
    part._beaten_at -= 3600
    assert (part.is_hung, part.code) == (True, "part_late")
    part.beat()
    assert (part.is_hung, part.code) == (False, None)


def test_a_process_that_was_paused_as_a_whole_blames_no_part() -> None:
    part = Part("dispatch", lambda _part, _stop: None, CALM)
    part.beat()
    part._beaten_at -= 3600  # an hour in which nothing ran
    assert part.is_hung
    part.excuse(3600)
    assert (part.is_hung, part.code) == (False, None)


def test_a_part_that_is_hung_keeps_nobody_waiting_and_is_known_to_be_at_work() -> None:
    goes_on = threading.Event()
    at_once = Patience(late=AT_ONCE, hung=AT_ONCE)
    hung = Part("compact", lambda _part, _stop: _wait_for(goes_on), at_once)
    supervisor = Supervisor([hung], threading.Event(), stopping=timedelta(hours=1))
    assert not supervisor.run()
    assert not supervisor.all_ended
    goes_on.set()
    wait_until(lambda: supervisor.all_ended, "the part to end")


def _wait_for(event: threading.Event) -> None:
    event.wait()
