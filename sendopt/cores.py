"""How many cores this process may use: those that it may run on, within the quota of its group."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath


@cache
def cores() -> int:
    """Return how many threads can work at the same time, 1 at least."""
    if hasattr(os, "sched_getaffinity"):
        found = len(os.sched_getaffinity(0))
    else:
        found = os.cpu_count() or 1
    groups = Path("/proc/self/cgroup")
    told = groups.read_text(encoding="utf-8") if groups.is_file() else ""
    return max(int(min([found, *quotas(told, Path("/sys/fs/cgroup"))])), 1)


def quotas(groups: str, mounted: Path) -> Iterator[float]:
    """Yield how many cores each control group that holds a process allows it.

    Args:
        groups: what the kernel tells of the process: `0::/path` (version 2), or
            `4:cpu,cpuacct:/path`.
        mounted: where the groups are; inside a container the path is its host's, and its own group
            is the root.
    """
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        place = mounted / controllers
        own = place / PurePosixPath(path).relative_to("/")
        for group in (own, *own.parents):
            yield from _quota(group)
            if group == place:
                break


def _quota(group: Path) -> Iterator[float]:
    limit, period = group / "cpu.cfs_quota_us", group / "cpu.cfs_period_us"
    if (group / "cpu.max").is_file():
        told = (group / "cpu.max").read_text(encoding="utf-8").split()
    elif limit.is_file() and period.is_file():
        told = [each.read_text(encoding="utf-8").strip() for each in (limit, period)]
    else:
        return
    if told[0] not in {"max", "-1"}:
        yield int(told[0]) / int(told[1])
