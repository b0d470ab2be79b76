"""Hunt for faults by machine: attack, let recover, judge, and print one table of it.

    python -m faults [SCENARIO...] [--seed N] [--share 0.1] [--lanes 2] [--write]

A history that fails is printed with what is wrong, and with the command that repeats it.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

from faults import page
from faults.deployment import make_template
from faults.history import Bench
from faults.scenarios import SCENARIOS, Scenario
from faults.shim import build
from faults.tally import Tally, table

_SEEDS_OF_A_SCENARIO = 10_000
_AROUND_SECONDS = 15  # that a history takes without any fault: a start, recovery, judgement


def main() -> None:
    given = _arguments()
    chosen = [each for each in SCENARIOS if not given.scenarios or each.name in given.scenarios]
    jobs = [job for each in chosen for job in _jobs(each, given)]
    expected = (
        sum(_AROUND_SECONDS + each.seconds * faults for each, _, faults in jobs) / given.lanes
    )
    print(f"{len(jobs)} histories, about {timedelta(seconds=round(expected))}", flush=True)
    scratch = Path(tempfile.mkdtemp(prefix="sendopt-faults-"))
    begun_at = time.monotonic()
    try:
        template = scratch / "template"
        bench = Bench(template, make_template(template), build(scratch), scratch)
        tallies = _run(jobs, bench, lanes=given.lanes)
    finally:
        shutil.rmtree(scratch)
    text = table({each.title: tallies[each.name] for each in chosen})
    print(f"\n{text}\n\n{timedelta(seconds=round(time.monotonic() - begun_at))}")
    if given.write:
        page.write(text, seed=given.seed)
    if not all(tally.is_clean for tally in tallies.values()):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, help="of each history")
    parser.add_argument("--history", type=int, help="only the one of this number")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of faults")
    parser.add_argument("--lanes", type=int, default=2, help="histories side by side")
    parser.add_argument("--write", action="store_true", help="write docs/faults.md")
    return parser.parse_args()


Job = tuple[Scenario, int, int]  # scenario, seed, faults


def _jobs(scenario: Scenario, given: argparse.Namespace) -> list[Job]:
    base = (given.seed * 1_000 + SCENARIOS.index(scenario)) * _SEEDS_OF_A_SCENARIO
    each = given.faults or scenario.per_history
    if given.history is not None:
        return [(scenario, base + given.history, each)]
    total = math.ceil(scenario.faults * given.share)
    begins = range(0, total, each)
    return [
        (scenario, base + number, min(each, total - begin)) for number, begin in enumerate(begins)
    ]


def _run(jobs: list[Job], bench: Bench, *, lanes: int) -> dict[str, Tally]:
    tallies: dict[str, Tally] = defaultdict(Tally)
    with ProcessPoolExecutor(lanes, mp_context=get_context("spawn")) as pool:
        running = {
            pool.submit(scenario.attempt, bench, seed, faults): (scenario, seed, faults)
            for scenario, seed, faults in jobs
        }
        for done in as_completed(running):
            scenario, seed, faults = running[done]
            tally = done.result()
            tallies[scenario.name] += tally
            place, history = divmod(seed, _SEEDS_OF_A_SCENARIO)
            again = f"{scenario.name} --seed {place // 1_000} --history {history}"
            print(
                f"{again} --faults {faults}: {faults} faults, {len(tally.failures)} failures",
                flush=True,
            )
            for failure in tally.failures:
                print(f"    {failure}", flush=True)
    return tallies


if __name__ == "__main__":
    main()
