"""The service under trial: the real application over a real state, on a clock that a test moves.

Models, the log's files and the push service are played, as on a simulated day.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from simulation.memory_log import MemoryLog
from simulation.store_app import StoreApp

from sendopt.app.work import Work
from sendopt.clock import VirtualClock
from sendopt.deliver import ClaimPolicy, Dispatcher, RetryPolicy
from sendopt.deliver.provider import Provider
from sendopt.log import Log
from sendopt.records import Channel, TenantId
from sendopt.state import State

#: Of every webhook's device.
ADDRESS = {"url": "https://push.example/", "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"}
TENANT, TENANT_ZONE = TenantId("acme"), "Europe/Berlin"
LEASE = timedelta(minutes=1)
_RETRY = RetryPolicy(timedelta(seconds=20), timedelta(minutes=20), max_attempts=4)
_BATCH = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PlayedService:
    """A process over the stores of one folder, which can die and be started again.

    Args:
        folder: of the stores, in which each trial begins with an empty state.
        empty: the file of a migrated state to begin with.
        log: that it reads; None = one in memory.
    """

    def __init__(self, folder: Path, empty: Path, log: Log | None = None) -> None:
        self.folder, self._empty = folder, empty
        self.file = folder / "state.sqlite"
        self.state = State(f"sqlite:///{self.file}")
        self.log = log or MemoryLog(folder)
        self._beside: sqlite3.Connection | None = None

    def begin(self, start: datetime, provider: Callable[[VirtualClock], Provider]) -> None:
        """Forget the last trial, and start over an empty state."""
        self._forget_file()
        self.state.engine.dispose()
        for suffix in ("-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._empty, self.file)
        if isinstance(self.log, MemoryLog):
            self.log.begin_day(None)
        self.clock, self._random = VirtualClock(start), Random(start.isoformat())
        self._provider = provider(self.clock)
        self.restart()
        self.app.operator.create_tenant(TENANT, timezone=TENANT_ZONE)

    def restart(self) -> None:
        """Start a process: it remembers nothing of the one before."""
        self.app = StoreApp(self.folder, self.clock, self._random, self.state, self.log)
        self.dispatcher = Dispatcher(
            self.state,
            {Channel.WEBHOOK: self._provider},
            self.clock,
            owner=f"one:{self._random.randbytes(4).hex()}",
            sign_link=self.app.link_signer.url,
            random_bytes=self._random.randbytes,
            retry=_RETRY,
            claims=ClaimPolicy(LEASE, _BATCH),
        )

    @property
    def owner(self) -> Work:
        return self.app.as_owner_of(TENANT)

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Look into the state's file past all of the product's own code."""
        if self._beside is None:
            self._beside = sqlite3.connect(self.file, isolation_level=None)
            self._beside.row_factory = sqlite3.Row
        return self._beside.execute(sql, values).fetchall()

    def version(self) -> int:
        """Return a number that is another one as soon as anything was written to the state."""
        return int(self.rows("pragma data_version")[0][0])

    def close(self) -> None:
        self._forget_file()
        self.state.close()
        self.log.close()

    def _forget_file(self) -> None:
        if self._beside is not None:
            self._beside.close()
            self._beside = None


def instant(microseconds: int | None) -> datetime | None:
    """Return what the state's file says of an instant."""
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)
