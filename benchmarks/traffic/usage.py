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
    status = dict(
        line.split(":\t")
        for line in (of_process / "status").read_text().splitlines()
        if ":\t" in line
    )
    return Usage(
        memory=int(status["VmRSS"].split()[0]) / 1024,
        files=len(list((of_process / "fd").iterdir())),
        threads=int(status["Threads"]),
        cpu=cpu_seconds(process_id),
    )


def cpu_seconds(process_id: int) -> float:
    """Return what the process has computed so far, itself and in the kernel, on all cores."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
