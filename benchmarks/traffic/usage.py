"""What a process holds, as Linux counts it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Usage:
    """Of one process at one moment."""

    memory: float  # MB, resident
    files: int
    threads: int
    cpu: float  # seconds since it began, user and system


def usage(process_id: int) -> Usage:
    """Return what the process holds now."""
    of_process = Path(f"/proc/{process_id}")
    stat = (of_process / "stat").read_text().rpartition(")")[2].split()
    ticks = int(stat[11]) + int(stat[12])
    status = dict(
        line.split(":\t")
        for line in (of_process / "status").read_text().splitlines()
        if ":\t" in line
    )
    return Usage(
        memory=int(status["VmRSS"].split()[0]) / 1024,
        files=len(list((of_process / "fd").iterdir())),
        threads=int(stat[17]),
        cpu=ticks / os.sysconf("SC_CLK_TCK"),
    )
