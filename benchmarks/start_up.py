"""What a command costs before it does anything, and how soon a service is ready after a kill.

CPU of a process of its own, warm; of a service also the time on the wall, over a home that knows a
shipped study.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
from traffic.usage import cpu_seconds

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.demo.studies import load_studies
from sendopt.settings import Settings

COMMANDS = ("--help", "train --nope", "settings", "key list")
RUNS = 7
SERVICES = ("run", "serve")


def measure() -> Iterator[tuple[str, str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "SENDOPT_HOME": str(Path(folder) / "home")}
        whole = _cpu_seconds(["-c", "from sendopt.app import App"], environment)
        for command in COMMANDS:
            seconds = _cpu_seconds(["-m", "sendopt", *command.split()], environment)
            yield (
                f"`sendopt {command}`, CPU of the process",
                f"{seconds:.2f} s",
                f"importing the whole application: {whole:.2f} s",
                f"{seconds / whole:.2f} x the time",
            )
        begin_home(Path(folder) / "home")
        for service in SERVICES:
            waited, computed = zip(
                *(_ready(service, environment) for _ in range(RUNS)), strict=True
            )
            ready, cpu = statistics.median(waited[1:]), statistics.median(computed[1:])
            yield (
                f"`sendopt {service}` after `kill -9`, until `/readyz`",
                f"{ready:.2f} s",
                f"CPU until then: {cpu:.2f} s",
                f"{ready / cpu:.2f} x the time",
            )


def begin_home(home: Path) -> None:
    """Let a home know the events of a shipped study."""
    study = next(study for study in load_studies() if study.tenant_id == "fried2021")
    pq.write_table(study.events, home.parent / "events.parquet")
    with closing(open_app(Settings(home=home))) as app:
        app.as_owner_of(DEFAULT_TENANT).events.import_files(
            [home.parent / "events.parquet"], progress=lambda _path, _rows: None
        )


def _ready(service: str, environment: Mapping[str, str]) -> tuple[float, float]:
    """Start a service, kill it once it is ready; return seconds on the wall, and of CPU, of it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "sendopt", service],
        env={**environment, "SENDOPT_HTTP__PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _is_ready(f"http://127.0.0.1:{port}/readyz"):
            time.sleep(0.01)
        waited = time.perf_counter() - begin
        return waited, cpu_seconds(process.pid)
    finally:
        process.kill()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _cpu_seconds(arguments: list[str], environment: dict[str, str]) -> float:
    """Return the median of user and system time together; a first run warms and is not counted."""
    spent = []
    for _ in range(RUNS + 1):
        before = _children()
        subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, check=False
        )
        spent.append(_children() - before)
    return statistics.median(spent[1:])


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
