"""Offer a service more than it can carry, and hinder it, and see what it still does.

python benchmarks/overload.py [--seconds 10] [NAME...]      (default: all)

Prints for every trial what was answered a second, what was refused, and how long `/healthz` took at
the 99th percentile, beside how long the machine let the asking process itself wait. All trials
together write a section of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

from page import machine, table, write_section
from traffic import hostile
from traffic.client import Answer, Client
from traffic.mix import Home, Mix
from traffic.probe import Probed, probing
from traffic.samples import Interval, percentile
from traffic.service import issue_key, running

_CLIENTS = 8  # of the closed loop that finds what the service can carry
_BEYOND = 5  # times as much is offered then
_WRITERS = 60
_HALF_OPEN = 2_000
_HEAD = ("trial", "good a second", "of most", "refused a second", "p99 of good", "healthz p99")


def main() -> None:
    wanted = _arguments()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        home = Path(folder) / "home"
        key = issue_key(home)
        _, port = held.enter_context(running("run", home, log=Path(folder) / "log"))
        trials = Trials(port, key, home, wanted.seconds)
        rows = asyncio.run(trials.run(wanted.names or list(TRIALS)))
        seen = Home(home)
        held.callback(seen.close)
        lost = trials.mix.acknowledged - seen.recorded()
    said = (
        f"Printed by `python benchmarks/overload.py` on {machine()}, {wanted.seconds:g} s each; in "
        "brackets how long the machine let the asking process itself wait. "
        f"Of {len(trials.mix.acknowledged):,} acknowledged events {len(lost)} were lost."
    )
    text = f"{said}\n\n{table(_HEAD, rows)}"
    print(text)
    if not wanted.names:
        write_section("Beyond what it can carry", text)


@dataclass(frozen=True)
class Trial:
    """What was seen in so many seconds.

    Attributes:
        most: good a second that it can carry of these requests; None = of events alone.
    """

    interval: Interval
    seconds: float
    health: Probed
    most: float | None = None

    @property
    def goodput(self) -> float:
        return self.interval.good / self.seconds


class Trials:
    """Each trial offers events, and does something else beside."""

    def __init__(self, port: int, key: str, home: Path, seconds: float) -> None:
        self._port = port
        self._key = key
        self._home = home
        self._seconds = seconds
        self.mix = Mix(Client(port, key), ["u"], "overload")
        self.most = 0.0  # good events a second that it can carry

    async def run(self, names: list[str]) -> list[tuple[str, ...]]:
        rows = []
        for name in ("nothing else", *names):
            trial = await TRIALS[name](self) if name != "nothing else" else await self.carried()
            self.most = self.most or trial.goodput
            rows.append(self._row(name, trial))
            print(" | ".join(rows[-1]), flush=True)
        return rows

    async def carried(self) -> Trial:
        """So many clients, each with one request at a time."""
        return await self._closed(self.mix.event, _CLIENTS)

    async def five_times(self) -> Trial:
        """Five times as many requests a second as it can carry, whatever comes back."""
        return await self._open(_BEYOND * self.most)

    async def five_times_every_kind(self) -> Trial:
        """The same of all kinds of requests, as many as it can carry of that mixture."""
        mix = self.mix
        beside: list[Callable[[], Awaitable[Answer]]]
        beside = [mix.best_times, mix.device, lambda: mix.follow("x")]
        kinds = cycle([each for other in beside for each in (mix.event, other)])

        def any_kind() -> Awaitable[Answer]:
            return next(kinds)()

        most = (await self._closed(any_kind, _CLIENTS)).goodput
        return replace(await self._open(_BEYOND * most, any_kind), most=most)

    async def writers_wait(self) -> Trial:
        """Another process holds SQLite's write lock while sixty clients write."""
        with _locked(self._home / "state.sqlite"):
            return await self._closed(self.mix.event, _WRITERS)

    async def heavy_bodies(self) -> Trial:
        return await self._beside(hostile.heavy_body, 16)

    async def large_heads(self) -> Trial:
        return await self._beside(hostile.endless_head, 16)

    async def half_open(self) -> Trial:
        return await self._beside(hostile.slow_head, _HALF_OPEN)

    async def slow_bodies(self) -> Trial:
        return await self._beside(hostile.slow_body, 200)

    async def _closed(self, ask: Callable[[], Awaitable[Answer]], clients: int) -> Trial:
        interval, begun = Interval(), time.perf_counter()

        async def work() -> None:
            while time.perf_counter() - begun < self._seconds:
                interval.note(await ask())

        with probing(self._port) as health:
            await asyncio.gather(*(work() for _ in range(clients)))
            seconds = time.perf_counter() - begun
        return Trial(interval, seconds, health)

    async def _open(self, rate: float, ask: Callable[[], Awaitable[Answer]] | None = None) -> Trial:
        interval, begun = Interval(), time.perf_counter()
        tasks: list[asyncio.Task[None]] = []
        ask = ask or self.mix.event

        async def work() -> None:
            interval.note(await ask())

        with probing(self._port) as health:
            while (passed := time.perf_counter() - begun) < self._seconds:
                due = int(passed * rate)
                tasks += [asyncio.create_task(work()) for _ in range(due - len(tasks))]
                await asyncio.sleep(0.005)
            await asyncio.gather(*tasks)
            seconds = time.perf_counter() - begun
        return Trial(interval, seconds, health)

    async def _beside(self, attack: Callable[[int, str], Awaitable[None]], times: int) -> Trial:
        async def again_and_again() -> None:
            while True:
                await attack(self._port, self._key)

        attackers = [asyncio.create_task(again_and_again()) for _ in range(times)]
        try:
            return await self.carried()
        finally:
            for attacker in attackers:
                attacker.cancel()
            await asyncio.gather(*attackers, return_exceptions=True)

    def _row(self, name: str, trial: Trial) -> tuple[str, ...]:
        seconds = trial.interval.good_seconds
        return (
            name,
            f"{trial.goodput:.0f}",
            f"{trial.goodput / (trial.most or self.most):.0%}",
            f"{trial.interval.refused / trial.seconds:.0f}",
            f"{percentile(seconds, 0.99) * 1000:.0f} ms" if seconds else "none was",
            trial.health.p99(),
        )


TRIALS: dict[str, Callable[[Trials], Awaitable[Trial]]] = {
    "five times as much": Trials.five_times,
    "right after it": Trials.carried,
    "five times as much of every kind": Trials.five_times_every_kind,
    "the write lock is held, 60 writers": Trials.writers_wait,
    "16 clients with heavy bodies": Trials.heavy_bodies,
    "16 clients with endless heads": Trials.large_heads,
    "2,000 half-open heads": Trials.half_open,
    "200 slow bodies": Trials.slow_bodies,
    "after everything": Trials.carried,
}


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("names", nargs="*", metavar="NAME", choices=[*TRIALS, []])
    arguments.add_argument("--seconds", type=float, default=10.0)
    return arguments.parse_args()


if __name__ == "__main__":
    main()
