"""Let a service live with mixed traffic and see whether it grows: memory, files, threads.

python benchmarks/soak.py --minutes 60      (writes docs/soak.md and docs/soak.svg)
python benchmarks/soak.py --minutes 2 --out /tmp/soak.md

`sendopt run` as users run it, over a planted log with a trained model: events, campaigns that the
simulator delivers, clicks, reports, opt-outs, best times, explanations, lift reports, metrics,
hostile requests, slow clients, and a burst beyond what it can carry now and then. At the end
everything acknowledged must be in the log.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from daily_cycle.commands import SENDOPT, run
from traffic.client import Answer, Client
from traffic.hostile import HOSTILE, SLOW
from traffic.mix import Home, Mix
from traffic.report import write
from traffic.samples import Interval, Sample
from traffic.service import METRICS_KEY, prepare, running
from traffic.usage import usage

_USERS = 500
_RUN = "soak"
_BURST = 300  # requests at once: more than may wait
_BURSTS = 12  # in a run


def main() -> None:
    wanted = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        home, users, key = prepare(Path(folder), _USERS)
        seen = Home(home)
        log = Path(folder) / "service.log"
        with running("run", home, log=log) as (process, port):
            soak = Soak(process, port, Mix(Client(port, key), users, _RUN), seen, key)
            samples = asyncio.run(soak.run(wanted.minutes * 60))
        verified = run(*SENDOPT, "verify", home=home).last_line  # copies what waits for the log
        acknowledged, arrived = len(soak.mix.acknowledged), seen.events(_RUN)
        seen.close()
    said = (
        f"Of {acknowledged:,} acknowledged events {arrived:,} are in the log; "
        f"`sendopt verify`: {verified}"
    )
    write(wanted.out, samples, said)
    if arrived < acknowledged:
        sys.exit("acknowledged events are missing")


class Soak:
    """Drives the traffic and takes a sample now and then."""

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, mix: Mix, home: Home, key: str
    ) -> None:
        self.mix = mix
        self._process = process
        self._port = port
        self._home = home
        self._key = key
        self._random = random.Random(2)
        self._probe = Client(port)
        self._operator = Client(port, METRICS_KEY)
        self._interval = Interval()
        self._beside: set[asyncio.Task[Any]] = set()

    async def run(self, seconds: float) -> list[Sample]:
        """Return the samples of a run of so many seconds."""
        mix = self.mix
        ordinary: tuple[tuple[float, Callable[[], Awaitable[Answer]]], ...] = (
            (4.0, mix.events),
            (1.0, mix.best_times),
            (2.0, mix.click),
            (3.0, mix.report),
            (6.0, mix.device),
            (20.0, mix.opt_out),
            (30.0, mix.campaign),
            (60.0, mix.lift),
            (60.0, mix.explanation),
            (5.0, lambda: self._probe.get("/readyz")),
            (15.0, lambda: self._operator.get("/metrics")),
        )
        tasks = [self._every(pause, self._noted(ask)) for pause, ask in ordinary]
        tasks += [
            self._every(0.25, self._health),
            self._every(5.0, self._hostile),
            self._every(10.0, self._slow),
            self._every(10.0, self._look),
            self._every(seconds / _BURSTS, self._burst),
        ]
        running_tasks = [asyncio.create_task(task) for task in tasks]
        samples = await self._sampled(seconds, every=max(2.0, seconds / 360))
        for task in [*running_tasks, *self._beside]:
            task.cancel()
        await asyncio.gather(*running_tasks, *self._beside, return_exceptions=True)
        return samples

    async def _sampled(self, seconds: float, *, every: float) -> list[Sample]:
        samples: list[Sample] = []
        begun = last = time.monotonic()
        while last - begun < seconds:
            await asyncio.sleep(every)
            if self._process.poll() is not None:
                raise RuntimeError("the service has ended")
            interval, self._interval = self._interval, Interval()
            now = time.monotonic()
            held = usage(self._process.pid)
            samples.append(Sample((now - begun) / 60, held, now - last, interval))
            last = now
        return samples

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(self._random.uniform(0, seconds))
        while True:
            await work()
            await asyncio.sleep(seconds)

    def _noted(self, ask: Callable[[], Awaitable[Answer]]) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            self._interval.note(await ask())

        return work

    async def _health(self) -> None:
        answer = await self._probe.get("/healthz")
        self._interval.health.append(answer.seconds if answer.good else 60.0)

    async def _hostile(self) -> None:
        attack = self._random.choice(HOSTILE)
        await attack(self._port, self._key)

    async def _slow(self) -> None:
        self._start(self._random.choice(SLOW)(self._port, self._key))

    async def _look(self) -> None:
        self.mix.sent, self.mix.tokens = self._home.links(most=500)

    async def _burst(self) -> None:
        """More at once than may wait, each client over a connection of its own."""
        work = self._noted(self.mix.events)
        for _ in range(_BURST):
            self._start(work())

    def _start(self, work: Awaitable[None]) -> None:
        async def quietly() -> None:
            with suppress(OSError):
                await work

        task = asyncio.create_task(quietly())
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=60.0)
    arguments.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs/soak.md")
    return arguments.parse_args()


if __name__ == "__main__":
    main()
