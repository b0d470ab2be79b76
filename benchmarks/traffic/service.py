"""A home with users, devices and a model, and sendopt over it as its users run it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
from daily_cycle import planted
from daily_cycle.commands import SENDOPT, run

_SCRIPTS = Path(__file__).parents[1] / "daily_cycle"
METRICS_KEY = "of-the-operator"


def prepare(folder: Path, users: int) -> tuple[Path, list[str], str]:
    """Return a home with a log, a model, scores and devices; its users; and a key."""
    home = folder / "home"
    run(sys.executable, _SCRIPTS / "planted.py", folder, str(users), home=home)
    events = folder / planted.PAST
    run(*SENDOPT, "ingest", events, home=home)
    run(*SENDOPT, "train", home=home)
    run(*SENDOPT, "score", home=home)
    run(sys.executable, _SCRIPTS / "devices.py", home, str(events), home=home)
    known = pq.read_table(events, columns=["user_id"])["user_id"].unique().to_pylist()
    return home, known, issue_key(home)


def issue_key(home: Path) -> str:
    """Return a new key of the default tenant, in a home that is begun if it was not there."""
    run(*SENDOPT, "tenant", "create", "default", home=home)
    issued = run(*SENDOPT, "key", "issue", "traffic", home=home).said
    return issued[issued.index("so_") :].split()[0]


@contextmanager
def running(
    command: str, home: Path, *, log: Path, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run `sendopt COMMAND` until the end of the block; yields the process and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "SENDOPT_HOME": str(home),
        "SENDOPT_HTTP__PORT": str(port),
        "SENDOPT_HTTP__METRICS_KEY": METRICS_KEY,
        **(settings or {}),
    }
    with (
        log.open("ab") as stderr,
        subprocess.Popen([*SENDOPT, command], env=environment, stderr=stderr) as process,
    ):
        try:
            _wait_until_ready(process, port)
            yield process, port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the service has ended")
