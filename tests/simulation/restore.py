"""A home that is restored from a backup of the middle of a day, beside the one that goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from sendopt.deliver.provider import Provider
from sendopt.records import Channel, Message
from simulation.facts import HandOver
from simulation.log_tables import LogTables
from simulation.memory_log import MemoryLog
from simulation.oracle import Violation
from simulation.providers import SimulatedProvider
from simulation.scheduler import CALM, Scheduler, SimulatedClock
from simulation.service import LEASE, Service
from simulation.store_app import StoreApp
from simulation.stores import SimulatedState

_UNFINISHED = "select count(*) as count from planned_send where state in ('planned', 'claimed')"
#: Longer than any send lives.
_LONG = timedelta(days=4)


@dataclass(frozen=True)
class Backup:
    """What a home held at one instant: a state and a log."""

    state: Path
    log: LogTables
    at: datetime

    @classmethod
    def of(cls, state: SimulatedState, log: MemoryLog, folder: Path, *, at: datetime) -> Backup:
        file = folder / "backup.sqlite"
        file.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(state.file)) as source,
            closing(sqlite3.connect(file)) as target,
        ):
            source.backup(target)
        return cls(file, log.tables.copy(), at)


def restored(
    backup: Backup, folder: Path, state: SimulatedState, log: MemoryLog
) -> Iterator[Violation]:
    """Put a backup in the place of the stores, hold its sends, and let its dispatchers run.

    Whatever the backup knew as unfinished may have been handed over by the home that it was made
    of, and the dispatchers cannot tell: nobody may get anything, and each send ends all the same.
    """
    random = Random(f"restored {backup.at}")
    start = backup.at + timedelta(minutes=random.choice((0, 1, 90)))
    scheduler = Scheduler(start, random, CALM, longest_pause=LEASE)
    state.begin_day(backup.state, scheduler)
    log.begin_day(scheduler, backup.log)
    handed_over: list[Message] = []

    def begin(message: Message) -> HandOver:
        handed_over.append(message)
        return HandOver(message, scheduler.wall, scheduler.now, 0, scheduler.now)

    def providers() -> dict[Channel, Provider]:
        return {
            channel: SimulatedProvider(channel, scheduler, begin, lambda _told: None)
            for channel in (Channel.SIMULATOR, Channel.WEBHOOK)
        }

    def app() -> StoreApp:
        return StoreApp(folder, SimulatedClock(scheduler), random, state, log)

    app().operator.hold()
    scheduler.wake_idle_at = state.wanted_at
    Service(scheduler, app, providers, lambda: None, (600,)).start(start)
    scheduler.run(start + _LONG)
    for _task, error in scheduler.failures:
        yield Violation("process_goes_on", f"of the restored home: {error!r}")
    for message in handed_over:
        yield Violation("a_restored_home_sends_nothing_again", f"{message.send_id}")
    if unfinished := state.rows(_UNFINISHED)[0]["count"]:
        yield Violation("every_send_ends", f"of the restored home {unfinished} do not")
