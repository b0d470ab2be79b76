"""The DuckDB that all who use a log share, and a new one when it is broken.

After a fatal error, such as a catalog that vanished in the middle of a query, DuckDB refuses
everything until it is opened anew. Whoever meets that retires the instance: the next to come opens
another, and the old one is closed once the last who uses it has left, so that none is pulled away
under anybody. So does whoever meets one that is old: it keeps some 40 kB of every file that it ever
saw, also of those that were merged since. It keeps some 70 kB of every lake that was ever attached,
too; so readers have one that stays attached, and the appender another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import duckdb
import structlog

from sendopt.clock import monotonic
from sendopt.errors import StoreFailure
from sendopt.log.connect import attached
from sendopt.log.location import LogLocation
from sendopt.log.migrate import check_version
from sendopt.log.statements import FATAL, must_stay_open

_log = structlog.get_logger()

#: How long one is used. Two minutes of one copy a second make 120, and cost it some 5 MB; to open
#: one costs 80 ms.
LONGEST_SECONDS = 120.0


class Instance:
    """One DuckDB; not closed while anybody uses it."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, location: LogLocation, schema: int
    ) -> None:
        self.connection = connection
        self.users = 0
        self.opened_at = monotonic()
        self._location, self._schema = location, schema
        self._attaching = threading.Lock()
        self._readers = ExitStack()
        self._readers_lake: str | None = None
        self._appender = ExitStack()
        self._appenders_lake: tuple[duckdb.DuckDBPyConnection, str] | None = None

    def readers_lake(self) -> str:
        """Return the name under which every reader finds the lake, attached once: 10 x faster."""
        with self._attaching:
            if self._readers_lake is None:
                with ExitStack() as opening:
                    connection, lake = opening.enter_context(
                        attached(self.connection, self._location, read_only=True)
                    )
                    # Once is enough: a schema only ever moves forward.
                    check_version(connection, self._schema)
                    self._readers = opening.pop_all()
                self._readers_lake = lake
            return self._readers_lake

    @contextmanager
    def appending(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
        """Yield a connection that uses the appender's lake, and the lake's name.

        For whoever holds the right to append. A lake in which anything failed is attached anew.
        """
        if self._appenders_lake is None:
            self._appenders_lake = self._appender.enter_context(
                attached(self.connection, self._location, read_only=False)
            )
        try:
            yield self._appenders_lake
        except BaseException:
            self._appenders_lake = None
            with self._appender.pop_all():  # what failed is raised, not what detaching meets
                raise

    def close(self) -> None:
        """Let go of memory and temporary files."""
        if must_stay_open(self.connection):
            return
        try:
            with ExitStack() as closing:
                closing.callback(self.connection.close)
                closing.push(self._readers)
                closing.push(self._appender)
        except (StoreFailure, duckdb.Error) as failure:
            # A broken one cannot even detach its lake. Nothing is lost: it holds copies alone.
            _log.info("log_closed_broken", error=type(failure).__name__)


class Instances:
    """The instance that is in use; made at its first use, and anew when it has broken.

    Args:
        make: opens one.
        longest: for how many seconds one is used before the next takes its place.
    """

    def __init__(self, make: Callable[[], Instance], *, longest: float = LONGEST_SECONDS) -> None:
        self._make = make
        self._longest = longest
        self._turn = threading.Lock()
        self._current: Instance | None = None

    @contextmanager
    def use(self) -> Iterator[Instance]:
        """Yield the instance, which is not closed before the block is left."""
        current = self._current
        if current is not None and monotonic() - current.opened_at >= self._longest:
            self._retire(current)
        with self._turn:
            if self._current is None:
                self._current = self._make()
            instance = self._current
            instance.users += 1
        try:
            yield instance
        except StoreFailure as failure:
            if isinstance(failure.__cause__, FATAL):
                self._retire(instance)
            raise
        finally:
            self._leave(instance)

    def retire(self) -> None:
        """Let the next use open a new one; the present one is closed when it is not used."""
        if self._current is not None:
            self._retire(self._current)

    def _retire(self, instance: Instance) -> None:
        with self._turn:
            if self._current is not instance:
                return  # somebody else has met the same failure
            self._current = None
            unused = instance.users == 0
        if unused:
            instance.close()

    def _leave(self, instance: Instance) -> None:
        with self._turn:
            instance.users -= 1
            over = instance.users == 0 and self._current is not instance
        if over:
            instance.close()
