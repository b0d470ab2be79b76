"""Notes when keys were used, to the hour, without keeping any request waiting."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import structlog

from sendopt.errors import StoreFailure
from sendopt.liveness import in_background
from sendopt.records import TenantId
from sendopt.state import State, api_keys

#: How old the last noted use of a key may be.
_NOTED_EVERY = timedelta(hours=1)

_log = structlog.get_logger(__name__)


class KeyUses:
    """The uses of keys that this process has seen.

    Only one writer may change SQLite at a time, and whoever merely reads must not wait for its
    turn. The notes are written by one thread, which takes one place among those who wait to write,
    however many keys are used at once; each is noted at most once an hour.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._noted_at: dict[str, datetime] = {}
        self._waiting: dict[TenantId, dict[str, datetime]] = {}
        self._is_writing = False

    def note(self, state: State, known: api_keys.Known, *, at: datetime) -> None:
        """Note that a key was used at `at`, unless that is known to the hour."""
        with self._turn:
            noted_at = self._noted_at.get(known.key_id) or known.last_used_at
            if noted_at is not None and at - noted_at < _NOTED_EVERY:
                return
            self._noted_at[known.key_id] = at
            self._waiting.setdefault(known.principal.tenant_id, {})[known.key_id] = at
            if self._is_writing:
                return
            self._is_writing = True
        in_background(lambda: self._write(state), name="key use")

    def _write(self, state: State) -> None:
        """Write what waits until nothing does."""
        while True:
            with self._turn:
                waiting, self._waiting = self._waiting, {}
                if not waiting:
                    self._is_writing = False
                    return
            for tenant_id, uses in waiting.items():
                try:
                    with state.write(tenant_id) as tx:
                        for key_id, at in uses.items():
                            api_keys.note_use(tx, key_id, at=at)
                except StoreFailure as failure:  # the next hour notes it; no request needs it
                    _log.warning("key_uses_not_noted", tenant_id=tenant_id, code=failure.code)
