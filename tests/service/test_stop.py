"""A service command ends soon and well whenever it is told to, and says so when a part is lost."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from service.processes import free_port, running, wait_until_ready
from waiting import wait_until

from sendopt.app import open_app
from sendopt.records import Event, EventType, TenantId, UserId
from sendopt.settings import Settings

COMMANDS = ("run", "serve", "dispatch", "append")


@pytest.fixture(autouse=True)
def nobody_ignores_signals() -> None:
    """A shell that starts the tests in the background lets them, and what they start, ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def environment(home: Path) -> dict[str, str]:
    return {"SENDOPT_HOME": str(home), "SENDOPT_HTTP__PORT": str(free_port())}


def stop(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    process.send_signal(number)
    return process.wait(timeout=60)


def test_a_signal_while_it_starts_ends_it(home: Path) -> None:
    with running("serve", environment(home)) as process:
        # From the first lines of our own on: before, Python itself ends at the signal.
        wait_until(lambda: b"\0serve\0" in command_line(process), "the program to begin")
        time.sleep(0.8)
        assert process.poll() is None
        assert stop(process, signal.SIGTERM) in {0, -signal.SIGTERM}


def command_line(process: subprocess.Popen[bytes]) -> bytes:
    return Path(f"/proc/{process.pid}/cmdline").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_at_any_moment_of_its_life_ends_it(home: Path, command: str) -> None:
    rng = random.Random(command)
    for _ in range(25):
        number = rng.choice([signal.SIGTERM, signal.SIGINT])
        with running(command, environment(home)) as process:
            time.sleep(rng.uniform(0.0, 8.0))
            assert process.poll() is None
            # Before the program has begun Python itself ends, by the signal.
            assert stop(process, number) in {0, 1, 130, -number}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_signal_ends_it_while_a_store_is_locked(home: Path) -> None:
    with closing(sqlite3.connect(home / "state.sqlite")) as state:
        state.execute("pragma locking_mode = exclusive")
        state.execute("begin exclusive")
        for command in COMMANDS:
            with running(command, environment(home)) as process:
                wait_until(partial(catches_sigterm, process), "the program to begin")
                time.sleep(4)  # until it waits for the lock
                assert stop(process, signal.SIGTERM) == 0


def catches_sigterm(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a signal no longer ends the interpreter, but reaches the program in it."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_a_part_that_is_lost_ends_the_process_with_one_line(home: Path, tmp_path: Path) -> None:
    """The thread of the dispatcher is killed in a living `sendopt run`."""
    said = tmp_path / "log"
    inside = environment(home) | {"PYTHONPATH": str(tmp_path)}
    (tmp_path / "sitecustomize.py").write_text(KILLS_THE_DISPATCHER)
    with said.open("w") as log, running("run", inside, stderr=log) as process:
        wait_until_ready(f"http://127.0.0.1:{inside['SENDOPT_HTTP__PORT']}", process)
        (tmp_path / "kill").touch()
        assert process.wait(timeout=90) == 1
    lost = [
        line for line in map(json.loads, said.read_text().splitlines())
        if line["event"] == "part_lost"
    ]  # fmt: skip
    assert [line["part"] for line in lost] == ["dispatch"]


#: Waits beside the service for a file, and raises in the dispatcher's thread.
KILLS_THE_DISPATCHER = """
import ctypes, pathlib, sys, threading, time

def kill():
    while not (pathlib.Path(__file__).parent / "kill").exists():
        time.sleep(0.05)
    for thread in threading.enumerate():
        if thread.name == "part dispatch":
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
            )

if sys.argv[-1:] != ["-c"]:
    threading.Thread(target=kill, daemon=True).start()
"""


@pytest.mark.slow
def test_a_log_that_is_ahead_shows_at_once_and_stops_nobody_else(home: Path) -> None:
    inside = environment(home)
    url = f"http://127.0.0.1:{inside['SENDOPT_HTTP__PORT']}"
    put_the_log_ahead(home)
    with running("run", inside) as process:

        def parts() -> dict[str, str | None]:
            try:
                answer = httpx.get(f"{url}/readyz", timeout=60)
            except httpx.TransportError:
                return {}
            assert answer.status_code == (200 if answer.json()["ready"] else 503)
            told: dict[str, str | None] = answer.json()["parts"]
            return told

        wait_until(lambda: parts().get("append") == "log_ahead", "the log to be known ahead")
        assert parts()["dispatch"] is None
        assert stop(process, signal.SIGTERM) == 0


def put_the_log_ahead(home: Path) -> None:
    """As after the state was restored from an older copy."""
    with closing(open_app(Settings(home=home))) as app:
        event = Event("ahead", UserId("u"), EventType.SESSION, datetime(2025, 1, 1, tzinfo=UTC))
        with app.log.appender() as appender:
            appender.append_outbox([(4711, TenantId("default"), event)])
