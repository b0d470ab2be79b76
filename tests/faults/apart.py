"""Runs a history in a process of its own, which has its time and no more."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing import Pipe, active_children, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from faults.tally import Tally


def run_apart(history: Callable[[], Tally], *, seconds: float, traces: Path) -> Tally:
    """Run one history; that it breaks down, dies or does not end is a failure of it alone.

    Args:
        history: a function that another process can import, with its arguments.
        seconds: after which it is ended with every process that it started, wherever it hangs.
        traces: a file that takes where each of its threads stood then.
    """
    answer, theirs = Pipe(duplex=False)
    process = get_context("spawn").Process(target=_run, args=(history, seconds, traces, theirs))
    process.start()
    theirs.close()
    try:
        tally: Tally = answer.recv()
        process.join(seconds)
    except EOFError:
        process.join()
        told = traces.read_text() if traces.exists() else ""
        tally = _failed(f"it ended with {process.exitcode}, {seconds:.0f} s allowed\n{told}")
    finally:
        answer.close()
        if process.exitcode != 0:
            _end(process)
            process.join()
    return tally


def end_all() -> None:
    """End every history that this process runs, whichever thread waits for it."""
    for process in active_children():
        _end(process)


def _end(process: BaseProcess) -> None:
    """End a history with every process that it started."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # it may have no group of its own yet


def _run(history: Callable[[], Tally], seconds: float, traces: Path, answer: Connection) -> None:
    os.setpgid(0, 0)  # all that it starts can be ended together
    with traces.open("w") as file:
        # Needs no interpreter: ends it also where a library keeps that to itself.
        faulthandler.dump_traceback_later(seconds, exit=True, file=file)
        try:
            tally = history()
        except BaseException:  # noqa: BLE001 - whatever ended it is told, and the others go on
            tally = _failed(traceback.format_exc())
        answer.send(tally)
        answer.close()


def _failed(what: str) -> Tally:
    return Tally(unexpected=1, failures=[what])
