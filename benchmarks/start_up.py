"""What a command costs before it does anything: CPU of a process of its own, warm."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

COMMANDS = ("--help", "train --nope", "settings", "key list")
RUNS = 7


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
