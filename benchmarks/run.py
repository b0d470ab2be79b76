"""Time what has to be fast, side by side with the obvious way, and write a section of
docs/benchmarks.md.

Ratios count: absolute times differ from machine to machine and from hour to hour. Each figure is
the median of several runs within this one process.

python benchmarks/run.py [NAME...]     (default: all)
"""

from __future__ import annotations

import sys

import best_times
import delivery
import features
import ingest
import lookups
import scoring
import start_up
import training
from page import machine, table, write_section

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
_HEAD = ("what", "ours", "compared with", "ratio")


def main() -> None:
    names = sys.argv[1:] or list(BENCHMARKS)
    rows = []
    for name in names:
        for row in BENCHMARKS[name]():
            rows.append(row)
            print(" | ".join(row), flush=True)
    if set(names) == set(BENCHMARKS):
        said = f"Printed by `make bench` on {machine()}. Medians."
        write_section("Parts, beside the obvious way", f"{said}\n\n{table(_HEAD, rows)}")


if __name__ == "__main__":
    main()
