"""A history that does not end costs itself alone, and says where it stood."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from faults.apart import run_apart
from faults.tally import Tally
from waiting import wait_until

_LONG_SECONDS = 600


def counts(faults: int) -> Tally:
    return Tally(faults=faults)


def breaks_down() -> Tally:
    raise LookupError("nothing is there")


def dies() -> Tally:
    os.abort()


def hangs_with_a_child(told: Path) -> Tally:
    """Keep the interpreter to itself, as a library does that waits for a server."""
    child = subprocess.Popen(["sleep", str(_LONG_SECONDS)])
    told.write_text(str(child.pid))
    ctypes.PyDLL(None).sleep(_LONG_SECONDS)
    return Tally()


def run(history: Callable[[], Tally], folder: Path, seconds: float = _LONG_SECONDS) -> Tally:
    return run_apart(history, seconds=seconds, traces=folder / "traces")


def test_a_history_returns_what_it_counted(tmp_path: Path) -> None:
    assert run(partial(counts, 3), tmp_path) == Tally(faults=3)


def test_a_history_that_breaks_down_says_why(tmp_path: Path) -> None:
    [failure] = run(breaks_down, tmp_path).failures
    assert "LookupError: nothing is there" in failure


def test_a_history_that_dies_is_a_failure(tmp_path: Path) -> None:
    assert not run(dies, tmp_path).is_clean


def test_a_history_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    [failure] = run(partial(hangs_with_a_child, tmp_path / "child"), tmp_path, seconds=2).failures
    assert "hangs_with_a_child" in failure
    child = Path("/proc", (tmp_path / "child").read_text(), "exe")
    wait_until(lambda: not child.exists(), "the end of the child")
