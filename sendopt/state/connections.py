"""Finds connections to PostgreSQL that will never answer, although their machine acknowledges.

A proxy or a balancer may go on acknowledging for a session that the server has long forgotten. No
time-out of the network ends that, and one of a statement would cut those that take long. So the
server is asked over a new connection which sessions it works for: whoever waits for another one
waits in vain.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import Any
from weakref import WeakSet

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine

_log = structlog.get_logger()

_AT_WORK = """SELECT pid FROM pg_stat_activity WHERE coalesce(state, '') NOT IN
    ('idle', 'idle in transaction', 'idle in transaction (aborted)')"""


class Connections:
    """The open connections of an engine, whoever has them.

    The first that is broken off lets the pool throw away all its older ones.

    Args:
        engine: whose connections may be broken off.
        fresh: an engine for the same database that makes a new connection each time.
    """

    def __init__(self, engine: Engine, *, fresh: Engine) -> None:
        self._fresh = fresh
        self._turn = threading.Lock()
        self._raw: WeakSet[Any] = WeakSet()  # psycopg's
        sa.event.listen(engine, "connect", self._add)

    def break_off_unanswered(self) -> None:
        """Cut every connection that waits for a session which does nothing.

        Raises:
            DBAPIError: if no new connection can be made.
        """
        with self._turn:
            waiting = [raw for raw in self._raw if _waits(raw)]
        at_work = self._sessions_at_work()
        if at_work is None:
            return
        for raw in waiting:
            if raw.info.backend_pid not in at_work and _waits(raw):
                _log.warning("connection_broken_off", reason="its server does nothing for it")
                with socket.socket(fileno=os.dup(raw.fileno())) as wire:
                    wire.shutdown(socket.SHUT_RDWR)

    def _sessions_at_work(self) -> set[int] | None:
        """Return their numbers; None behind a pooler, which gives them others."""
        with self._fresh.connect() as connection:
            raw: Any = connection.connection.driver_connection
            if raw.info.backend_pid != connection.scalar(sa.text("SELECT pg_backend_pid()")):
                return None
            return set(connection.scalars(sa.text(_AT_WORK)))

    def _add(self, raw: Any, _record: object) -> None:
        with self._turn:
            self._raw.add(raw)


def _waits(raw: Any) -> bool:
    return not raw.closed and raw.info.transaction_status.name == "ACTIVE"
