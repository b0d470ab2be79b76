"""What a backup and a restore cost, as `sendopt backup` and `sendopt restore` do them.

.venv/bin/python benchmarks/backup.py --events 1000000
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ingest import write_events

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.settings import Settings

SENDOPT = Path(sys.executable).with_name("sendopt")
LATER = 10_000  # events between the first backup and the second


def measure(events: int) -> Iterator[tuple[str, float, float, dict[str, Any]]]:
    """Yield what was done, seconds by the clock and of CPU, and the answer."""
    with tempfile.TemporaryDirectory(prefix="sendopt-backup-") as folder:
        home, place = Path(folder, "home"), Path(folder, "backups")
        _import(home, Path(folder), events, "first")
        yield "first backup", *_timed(home, "backup", str(place))
        _import(home, Path(folder), LATER, "later")
        yield f"second backup, {LATER:,} events later", *_timed(home, "backup", str(place))
        yield "every file read and compared", *_timed(home, "backups", str(place), "--check")
        yield "restore", *_timed(Path(folder, "new"), "restore", str(place))
        shutil.rmtree(home)


def _import(home: Path, folder: Path, events: int, name: str) -> None:
    file = write_events(folder / f"{name}.parquet", events, prefix=name)
    with closing(open_app(Settings(home=home))) as app:
        app.as_owner_of(DEFAULT_TENANT).events.import_files(
            [file], progress=lambda _path, _rows: None
        )


def _timed(home: Path, *command: str) -> tuple[float, float, dict[str, Any]]:
    cpu, begun = os.times(), time.perf_counter()
    done = subprocess.run(
        [SENDOPT, *command, "--json"],
        env={**os.environ, "SENDOPT_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    seconds, after = time.perf_counter() - begun, os.times()
    used = after.children_user + after.children_system - cpu.children_user - cpu.children_system
    answer = json.loads(done.stdout)
    return seconds, used, answer if isinstance(answer, dict) else answer[0]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=1_000_000)
    events = arguments.parse_args().events
    print(f"| {events:,} events | seconds | CPU, s | backup, MB | new files | new, MB |")
    print("|---|---:|---:|---:|---:|---:|")
    for done, seconds, cpu, answer in measure(events):
        new = answer.get("new_files", "-"), f"{answer.get('new_bytes', 0) / 1e6:,.1f}"
        print(
            f"| {done} | {seconds:,.1f} | {cpu:,.1f} | {answer['bytes'] / 1e6:,.1f} | {new[0]} "
            f"| {new[1]} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
