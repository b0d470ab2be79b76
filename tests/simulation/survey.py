"""Live many days, then plant each bug and count the days until it is found; one table of all.

    python -m simulation.survey [--seeds 2000] [--starts 5] [--lanes 2] [--write]

A seed that fails is printed with the command that repeats it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from simulation.day import Result
from simulation.hunt import Hunt, hunt, hunt_planted
from simulation.mutations import MUTATIONS

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"
_FIRST_OF_A_START = 100_000  # seeds apart: no two starts share a day
_DAYS_OF_A_JOB = 50


@dataclass(frozen=True, slots=True)
class Found:
    """How long it took to find a planted bug, from each start."""

    name: str
    days: tuple[int | None, ...]  # None = not within the seeds
    by_oracle: Counter[str]
    by_verify: Counter[str]

    @property
    def everywhere(self) -> bool:
        return None not in self.days


def main() -> None:
    given = _arguments()
    began = time.monotonic()
    context = get_context("spawn")
    with ProcessPoolExecutor(given.lanes, mp_context=context) as pool:
        clean = _clean(pool, given.seeds)
        clean_seconds = time.monotonic() - began
        found = _hunt_all(pool, given.seeds, given.starts)
    days = sum(each.days for each in clean)
    text = "\n".join(
        [
            *_about_clean_days(clean, days, clean_seconds, given.lanes),
            "",
            *_table(found, given.seeds),
        ]
    )
    print(text)
    if given.write:
        PAGE.write_text(_page(text, given))
    if any(each.failed for each in clean) or not all(each.everywhere for each in found):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation.survey", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="days without a planted bug")
    parser.add_argument("--starts", type=int, default=5, help="hunts for each planted bug")
    parser.add_argument("--lanes", type=int, default=2, help="processes")
    parser.add_argument("--write", action="store_true", help="write docs/simulation.md")
    return parser.parse_args()


def _clean(pool: ProcessPoolExecutor, seeds: int) -> list[Hunt]:
    firsts = range(0, seeds, _DAYS_OF_A_JOB)
    jobs = [pool.submit(hunt, first, min(_DAYS_OF_A_JOB, seeds - first)) for first in firsts]
    lived = []
    for job in jobs:
        lived.append(job.result())
        failed = lived[-1].failed
        if failed is not None:
            _print_repeat(failed)
    return lived


def _print_repeat(failed: Result) -> None:
    seed = failed.script.seed
    print(f"seed {seed} fails: cd tests && python -m simulation {seed} --shorten", flush=True)


def _hunt_all(pool: ProcessPoolExecutor, seeds: int, starts: int) -> list[Found]:
    jobs = {
        mutation.name: [
            pool.submit(hunt_planted, mutation.name, start * _FIRST_OF_A_START, seeds)
            for start in range(1, starts + 1)
        ]
        for mutation in MUTATIONS
    }
    found = []
    for name, hunts in jobs.items():
        results = [job.result() for job in hunts]
        for each in results:
            if each.failed is not None and each.fails_anyway:
                _print_repeat(each.failed)
        results = [replace(each, failed=None) if each.fails_anyway else each for each in results]
        failed = [each.failed for each in results if each.failed is not None]
        found.append(
            Found(
                name=name,
                days=tuple(each.days if each.failed else None for each in results),
                by_oracle=Counter(v for day in failed for v in {b.rule for b in day.violations}),
                by_verify=Counter(rule for day in failed for rule in day.findings),
            )
        )
        print(f"{name}: found after {found[-1].days} days", flush=True)
    return found


def _about_clean_days(clean: Sequence[Hunt], days: int, seconds: float, lanes: int) -> list[str]:
    counts = sum((each.counts for each in clean), Counter[str]())
    cpu = sum(each.cpu_seconds for each in clean)
    failed = [str(each.failed.script.seed) for each in clean if each.failed]
    return [
        f"{days:,} days without a planted bug, {len(failed)} failed"
        + (f": seeds {', '.join(failed)}." if failed else "."),
        f"{60 * days / seconds:,.0f} days a minute in {lanes} processes.",
        f"{1000 * cpu / max(days, 1):.0f} ms of CPU a day.",
        "",
        "What happened on them: "
        + ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))
        + ".",
    ]


def _table(found: Sequence[Found], seeds: int) -> list[str]:
    complete = sum(each.everywhere for each in found)
    rows = [
        f"Of {len(found)} planted bugs {complete} were found from every start in {seeds:,} days.",
        "",
        "| planted bug | days until found: median (each start) | oracle | `verify` |",
        "|---|---|---|---|",
    ]
    for each in found:
        shown = ", ".join("not found" if days is None else str(days) for days in each.days)
        known = [days for days in each.days if days is not None]
        middle = f"{median(known):.0f}" if known else "-"
        oracle = ", ".join(f"{rule} {count}" for rule, count in each.by_oracle.most_common(3))
        verify = ", ".join(f"{rule} {count}" for rule, count in each.by_verify.most_common(3))
        rows.append(f"| {each.name} | {middle} ({shown}) | {oracle or '-'} | {verify or '-'} |")
    return rows


def _page(text: str, given: argparse.Namespace) -> str:
    return f"""# Simulated days

Written by `python -m simulation.survey --seeds {given.seeds} --starts {given.starts} --lanes
{given.lanes} --write` in `tests`; `make simulate` does so with 2,000 seeds and 5 starts. What a
simulated day is, and what it leaves out: [decision 37](decisions/0037-simulated-day.md). One day as
a story:

    cd tests && ../.venv/bin/python -m simulation 17
    cd tests && ../.venv/bin/python -m simulation 100004 --planted "a lease" --shorten

{text}

The counts beside the rules say from how many starts a rule was among those that the first failing
day broke; that day is whole without the bug, or it does not count. `verify` sees every fifth day,
and each that the oracle finds broken.
"""


if __name__ == "__main__":
    main()
