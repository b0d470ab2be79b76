"""The stores of a simulated day: the real code over files in memory, with boundaries for faults."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from sendopt.log import Log
from sendopt.log.append import Appender
from sendopt.log.durable import DataFiles
from sendopt.state import State
from simulation.scheduler import Scheduler

#: What a process waits for that has nothing to do.
SEND_DUE, TO_COPY = "a send is due", "an event waits for the log"
#: The state answers when something next has to be done; this is asked past the product.
_NEXT_DUE = "select min(ready_at) from planned_send where state in ('planned', 'claimed')"
_HAS_NEWS = """
    select exists (select 1 from event_outbox where position is null)
        or exists (select 1 from click where period is null)
        or exists (select 1 from response where kind = 'response' and period is null)
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SimulatedState(State):
    """The real state, one file for one day after the other; its compiled statements stay."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"sqlite:///{file}")
        self.file = file
        self.scheduler: Scheduler | None = None
        self.on_commit: Callable[[], None] = lambda: None
        self._beside: sqlite3.Connection | None = None

    def begin_day(self, template: Path, scheduler: Scheduler) -> None:
        """Forget the last day."""
        self._close_beside()
        self.engine.dispose()
        for suffix in ("-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(template, self.file)
        self.scheduler = scheduler

    @contextmanager
    def _reading(self, whose: str) -> Iterator[Connection]:
        self._boundary("before it reads")
        with super()._reading(whose) as connection:
            yield connection

    @contextmanager
    def _writing(self, whose: str) -> Iterator[Connection]:
        self._boundary("before it writes")
        if self.scheduler is not None:
            self.scheduler.refuse("store_busy", "before it writes")
        with super()._writing(whose) as connection:
            yield connection
        self.on_commit()
        self._boundary("after it has written")
        if self.scheduler is not None:  # committed, and the connection breaks before it is told
            self.scheduler.refuse("store_unavailable", "after it has written")

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Look into the file past all of the product's own code."""
        if self._beside is None:
            self._beside = sqlite3.connect(self.file, isolation_level=None)
            self._beside.row_factory = sqlite3.Row
        return self._beside.execute(sql, values).fetchall()

    def wanted_at(self, reason: str) -> datetime | None:
        """Return when somebody who waits for `reason` has something to do, by the wall clock."""
        if reason == SEND_DUE:
            (found,) = self.rows(_NEXT_DUE)[0]
            return None if found is None else _EPOCH + timedelta(microseconds=found)
        (news,) = self.rows(_HAS_NEWS)[0]
        return _EPOCH if news else None

    def _close_beside(self) -> None:
        if self._beside is not None:
            self._beside.close()
            self._beside = None

    def close(self) -> None:
        self._close_beside()
        super().close()

    def _boundary(self, what: str) -> None:
        if self.scheduler is not None:
            self.scheduler.step(what)


class _Files:
    """Data files on a disk that may refuse to sync them."""

    def __init__(self, files: DataFiles, before_commit: Callable[[], None]) -> None:
        self._files, self._before_commit = files, before_commit

    def expect(self) -> None:
        self._files.expect()

    def sync_new(self) -> list[str]:
        self._before_commit()
        return self._files.sync_new()


class SteppedLog(Log):
    """A log with a boundary before and after each right to append, and before each commit."""

    scheduler: Scheduler | None = None

    @contextmanager
    def appender(self) -> Iterator[Appender]:
        self._boundary("before it may append")
        with self._appender() as appender:
            appender._data = _Files(appender._data, self.before_commit)  # type: ignore[assignment]
            yield appender
            self._boundary("after it has appended")

    def before_commit(self) -> None:
        self._boundary("before it commits to the log")
        scheduler = self.scheduler
        task = None if scheduler is None else scheduler.current
        if scheduler is None or task is None:
            return
        if scheduler.random.random() < scheduler.faults.disk:
            scheduler.tell(task.name, "the log's disk refuses to sync")
            raise OSError(errno.EIO, "simulated")

    def everything(self) -> list[dict[str, Any]]:
        """Return every row of every tenant, in a fixed order, past all readers."""
        with self._appender() as appender:
            connection = appender._connection
            sql = "select * from event order by tenant_id, event_id, occurred_at, user_id"
            return list(connection.execute(sql).to_arrow_table().to_pylist())

    def _appender(self) -> Any:
        return super().appender()

    def _boundary(self, what: str) -> None:
        if self.scheduler is not None:
            self.scheduler.step(what)
