"""Histories run side by side, and none is left behind by a run that is ended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from faults.lanes import in_lanes, leave_on_sigterm
from faults.tally import Tally
from faults.test_apart import counts, hangs_with_a_child, run
from waiting import PATIENCE, wait_until


def attempt(history: Callable[[], Tally], folder: Path) -> Callable[[], Tally]:
    folder.mkdir()
    return partial(run, history, folder)


def hang(folder: Path) -> None:
    """Run four histories in two lanes, which do not end by themselves."""
    leave_on_sigterm()
    attempts = {
        number: attempt(partial(hangs_with_a_child, folder / f"child-{number}"), folder / number)
        for number in ("first", "second", "third", "fourth")
    }
    with in_lanes(attempts, lanes=2) as ended:
        list(ended)


def test_every_attempt_is_made_and_told_by_its_name(tmp_path: Path) -> None:
    attempts = {
        faults: attempt(partial(counts, faults), tmp_path / str(faults)) for faults in (1, 2, 3)
    }
    with in_lanes(attempts, lanes=2) as ended:
        assert dict(ended) == {faults: Tally(faults=faults) for faults in (1, 2, 3)}


def test_sigterm_ends_the_histories_at_work_with_their_children_and_begins_no_other(
    tmp_path: Path,
) -> None:
    process = get_context("spawn").Process(target=hang, args=(tmp_path,))
    process.start()
    told = [tmp_path / f"child-{number}" for number in ("first", "second")]
    wait_until(lambda: all(each.exists() and each.read_text() for each in told), "two histories")
    process.terminate()
    process.join(PATIENCE.total_seconds())
    assert process.exitcode == 128 + signal.SIGTERM
    children = [Path("/proc", each.read_text(), "exe") for each in told]
    wait_until(lambda: not any(each.exists() for each in children), "the end of the children")
    assert sorted(tmp_path.glob("child-*")) == told
