"""Notes when keys were used, to the hour, without keeping any request waiting."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import structlog

from sendopt.errors import StoreFailure
from sendopt.liveness import in_background
from sendopt.state import State, api_keys

#: How old the last noted use of a key may be.
_NOTED_EVERY = timedelta(hours=1)

_log = structlog.get_logger(__name__)


class KeyUses:
    """The uses of keys that this process has seen.

    Only one writer may change SQLite at a time, and whoever merely reads must not wait for its
    turn: the note is written by a thread of its own, at most once an hour and key.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._noted_at: dict[str, datetime] = {}

    def note(self, state: State, known: api_keys.Known, *, at: datetime) -> None:
        """Note that a key was used at `at`, unless that is known to the hour."""
        with self._turn:
            noted_at = self._noted_at.get(known.key_id) or known.last_used_at
            if noted_at is not None and at - noted_at < _NOTED_EVERY:
                return
            self._noted_at[known.key_id] = at
        in_background(lambda: _write(state, known, at), name="key use")


def _write(state: State, known: api_keys.Known, at: datetime) -> None:
    try:
        with state.write(known.principal.tenant_id) as tx:
            api_keys.note_use(tx, known.key_id, at=at)
    except StoreFailure as failure:  # the next hour notes it, and the request does not need it
        _log.warning("key_use_not_noted", key_id=known.key_id, code=failure.code)
