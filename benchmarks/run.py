"""Time what has to be fast, side by side with the obvious way, and write docs/benchmarks.md.

Ratios count: absolute times differ from machine to machine and from hour to hour. Each figure is
the median of several runs within this one process.

python benchmarks/run.py [NAME...]     (default: all)
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import best_times
import delivery
import features
import ingest
import lookups
import scoring
import start_up
import training

BENCHMARKS = {
    "start_up": start_up.measure,
    "ingest": ingest.measure,
    "delivery": delivery.measure,
    "lookups": lookups.measure,
    "scoring": scoring.measure,
    "best_times": best_times.measure,
    "features": features.measure,
    "training": training.measure,
}
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    rows = ["| what | ours | compared with | ratio |", "|---|---|---|---|"]
    for name in names:
        for what, ours, other, ratio in BENCHMARKS[name]():
            rows.append(f"| {what} | {ours} | {other} | {ratio} |")
            print(rows[-1], flush=True)
    if set(names) == set(BENCHMARKS):
        machine = (
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        )
        head = f"# Benchmarks\n\nPrinted by `make bench` on {machine}. Medians; ratios count.\n\n"
        PAGE.write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
