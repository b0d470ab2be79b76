"""Hunt for faults by machine: attack, let recover, judge, and print one table of it.

    python -m faults [SCENARIO...] [--seed N] [--share 0.1] [--lanes 2] [--results FILE] [--write]

A history that fails is printed with what is wrong, and with the command that repeats it. With a
file of results, a run that was stopped goes on with the histories that the file does not have.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from faults import page
from faults.deployment import make_template
from faults.history import Bench
from faults.lanes import in_lanes, leave_on_sigterm
from faults.results import Results
from faults.scenarios import SCENARIOS, Scenario
from faults.shim import build
from faults.tally import table

_SEEDS_OF_A_SCENARIO = 10_000
_USUAL_SECONDS = 15  # of a history without its faults: a start, recovery, judgement


def main() -> None:
    leave_on_sigterm()
    given = _arguments()
    chosen = [each for each in SCENARIOS if not given.scenarios or each.name in given.scenarios]
    results = Results(given.results)
    jobs = [job for each in chosen for job in _jobs(each, given) if job.key not in results.tallies]
    # By turns, so that the first minutes meet every kind of fault.
    jobs.sort(key=lambda job: job.number)
    expected = sum(_USUAL_SECONDS + job.scenario.seconds * job.faults for job in jobs) / given.lanes
    print(f"{len(jobs)} histories, about {timedelta(seconds=round(expected))}", flush=True)
    scratch = Path(tempfile.mkdtemp(prefix="sendopt-faults-"))
    begun_at = time.monotonic()
    try:
        template = scratch / "template"
        bench = Bench(template, make_template(template), build(scratch), scratch)
        _run(jobs, bench, results, lanes=given.lanes)
    finally:
        shutil.rmtree(scratch)
    text = table({each.title: results.of(each.name) for each in chosen})
    print(f"\n{text}\n\n{timedelta(seconds=round(time.monotonic() - begun_at))}")
    if given.write:
        planned = sum(each.faults for each in chosen)
        share = results.asked / planned
        page.write(text, seed=given.seed, trees=[*results.trees], share=share, planned=planned)
    if not all(results.of(each.name).is_clean for each in chosen):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, help="of each history")
    parser.add_argument("--history", type=int, help="only the one of this number")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of faults")
    parser.add_argument("--lanes", type=int, default=2, help="histories side by side")
    parser.add_argument("--results", type=Path, metavar="FILE", help="continue the run it keeps")
    parser.add_argument("--write", action="store_true", help="write docs/faults.md")
    return parser.parse_args()


@dataclass(frozen=True)
class Job:
    """One history that is to be run.

    Attributes:
        number: of the history among those of its scenario, from 0.
        faults: how many it plants.
    """

    scenario: Scenario
    seed: int
    number: int
    faults: int

    @property
    def key(self) -> tuple[str, int, int]:
        return (self.scenario.name, self.seed, self.faults)

    def again(self, *, seed: int) -> str:
        """Return the arguments that repeat it."""
        return f"{self.scenario.name} --seed {seed} --history {self.number} --faults {self.faults}"


def _jobs(scenario: Scenario, given: argparse.Namespace) -> list[Job]:
    base = (given.seed * 1_000 + SCENARIOS.index(scenario)) * _SEEDS_OF_A_SCENARIO
    each = given.faults or scenario.per_history
    if given.history is not None:
        return [Job(scenario, base + given.history, given.history, each)]
    total = math.ceil(scenario.faults * given.share)
    return [
        Job(scenario, base + number, number, min(each, total - begin))
        for number, begin in enumerate(range(0, total, each))
    ]


def _run(jobs: list[Job], bench: Bench, results: Results, *, lanes: int) -> None:
    attempts = {job: partial(job.scenario.attempt, bench, job.seed, job.faults) for job in jobs}
    with in_lanes(attempts, lanes=lanes) as ended:
        for job, tally in ended:
            results.add(job.key, tally)
            again = job.again(seed=job.seed // _SEEDS_OF_A_SCENARIO // 1_000)
            print(f"{again}: {tally.faults} faults, {len(tally.failures)} failures", flush=True)
            for failure in tally.failures:
                print(f"    {failure}", flush=True)


if __name__ == "__main__":
    main()
