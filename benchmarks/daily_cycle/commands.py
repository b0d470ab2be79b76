"""Runs commands as users do, each in a process of its own, and says what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SENDOPT = (sys.executable, "-m", "sendopt")


@dataclass(frozen=True)
class Cost:
    """Of a whole process, its start included."""

    wall: float  # seconds
    cpu: float  # seconds, user and system, of all threads
    peak: float  # GB, the largest resident set
    said: str  # what it printed, on both streams

    @property
    def last_line(self) -> str:
        """The last line that it printed."""
        return self.said.strip().rpartition("\n")[2]

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object that it printed after its progress."""
        found: dict[str, Any] = json.loads(self.said[self.said.index("\n{") :])
        return found


def run(*command: str | Path, home: Path) -> Cost:
    """Run a command to its end.

    Raises:
        RuntimeError: if it fails, with what it said.
    """
    environment = {**os.environ, "SENDOPT_HOME": str(home)}
    begun = time.perf_counter()
    with subprocess.Popen(
        [str(each) for each in command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = "" if process.stdout is None else process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{said}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20, said)
