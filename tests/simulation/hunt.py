"""Lives many days: looks for a day that fails, with or without a planted bug, and shortens it."""

from __future__ import annotations

import gc
import logging
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from pathlib import Path

import structlog

from sendopt.clock import cpu_seconds
from sendopt.log import LogLocation
from sendopt.state import State, migrate
from simulation import script
from simulation.day import Result, World, without
from simulation.memory_log import without_time_travel
from simulation.mutations import MUTATIONS, Mutation, planted
from simulation.oracle import Violation
from simulation.scheduler import CALM
from simulation.stores import SteppedLog

#: `verify` reads all of the log and of the state, a third of what a day costs: of days that the
#: oracle finds whole it sees every so many.
VERIFY_EVERY = 5


@dataclass(frozen=True, slots=True)
class Hunt:
    """What a number of days came to."""

    days: int
    failed: Result | None  # the first day that failed
    counts: Counter[str]
    cpu_seconds: float
    fails_anyway: bool = False  # without the planted bug too: the day says nothing of it


@contextmanager
def world(mutation: Mutation | None = None, *, lake: bool = False) -> Iterator[World]:
    """Open stores in memory in which days are lived, with a bug planted or without.

    `lake` gives them a real DuckLake in place of tables in memory, for one day.
    """
    memory = Path("/dev/shm")
    folder = Path(
        tempfile.mkdtemp(prefix="sendopt-simulation-", dir=memory if memory.is_dir() else None)
    )
    logging_before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        template = folder / "template.sqlite"
        state = State(f"sqlite:///{template}")
        migrate(state)
        state.close()
        if mutation is not None and mutation.state_sql:
            with sqlite3.connect(template) as connection:
                connection.execute(mutation.state_sql)
            connection.close()
        with nullcontext() if lake else without_time_travel(), planted(mutation):
            lived_in = World(folder, template, _lake(folder) if lake else None)
            gc.collect()
            gc.freeze()  # what stays for all days need not be looked at again with each
            try:
                yield lived_in
            finally:
                gc.unfreeze()
                lived_in.close()
    finally:
        structlog.configure(**logging_before)
        shutil.rmtree(folder)


def _lake(folder: Path) -> SteppedLog:
    log = SteppedLog(LogLocation(str(folder / "lake.sqlite"), str(folder / "lake-data")))
    log.migrate()
    return log


def hunt(first: int, days: int, mutation: Mutation | None = None, *, step: int = 1) -> Hunt:
    """Live up to `days` days, every `step`-th seed from `first` on, until one fails."""
    counts: Counter[str] = Counter()
    with world(mutation) as lived_in:
        began = cpu_seconds()
        for number in range(days):
            seed = first + number * step
            result = lived_in.live(script.write(seed), verified=number % VERIFY_EVERY == 0)
            counts += result.counts
            result = _with_share(result, counts)
            if result.failed:
                return Hunt(number + 1, result, counts, cpu_seconds() - began)
        return Hunt(days, None, counts, cpu_seconds() - began)


def hunt_planted(name: str, first: int, days: int) -> Hunt:
    """Hunt the planted bug called `name`; what it breaks has to be whole without it."""
    found = hunt(first, days, next(each for each in MUTATIONS if each.name == name))
    if found.failed is None:
        return found
    with world() as lived_in:
        return replace(found, fails_anyway=lived_in.live(found.failed.script).failed)


def _with_share(result: Result, counts: Counter[str]) -> Result:
    """Judge how many of all people so far are held out: half, but for five deviations of chance."""
    people, held_out = counts["people in a test"], counts["people held out"]
    if abs(2 * held_out - people) <= 5 * people**0.5:
        return result
    explanation = f"{held_out} of {people} people of all days so far"
    broken = Violation("the_holdout_has_its_share", explanation)
    return replace(result, violations=(*result.violations, broken))


def shorten(lived_in: World, failed: Result, *, patience: int = 150) -> Result:
    """Return a day with fewer actions and fewer faults that breaks one of the same rules.

    Chunks of actions are left out, then smaller ones, as long as the day still fails (Zeller and
    Hildebrandt's ddmin, 2002); then whole kinds of faults.
    """
    rules = {violation.rule for violation in failed.violations} or set(failed.findings)

    def fails(shorter: script.Script) -> Result | None:
        nonlocal patience
        patience -= 1
        result = lived_in.live(shorter)
        found = {violation.rule for violation in result.violations} | set(result.findings)
        return result if patience >= 0 and rules & found else None

    size = max(len(failed.script.actions) // 2, 1)
    while patience > 0:
        numbers = [action.number for action in failed.script.actions]
        chunks = [numbers[at : at + size] for at in range(0, len(numbers), size)]
        for chunk in chunks:
            shorter = fails(without(failed.script, frozenset(chunk)))
            failed = shorter or failed
        if size == 1:
            break
        size //= 2
    for name in (each.name for each in fields(CALM)):
        calmer = replace(failed.script.faults, **{name: getattr(CALM, name)})
        failed = fails(replace(failed.script, faults=calmer)) or failed
    return failed
