"""Use cases of the log: events in, by file or request, and from the state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

from sendopt import ingest
from sendopt.app import accepting
from sendopt.app.answers import EventVerdict
from sendopt.app.appending import copy_outbox
from sendopt.app.backlog import Backlog, measure
from sendopt.app.stores import Stores
from sendopt.errors import LeaseHeld
from sendopt.log import Appender
from sendopt.records import TenantId, UserId
from sendopt.state import outbox, users

OUTBOX_BATCH = 5_000

#: How long an import waits for a copy or a compaction that is going on.
PATIENCE = timedelta(seconds=60)


class Events(Stores):
    """What happened, on its way into the log."""

    def import_files(
        self,
        tenant_id: TenantId,
        paths: Sequence[Path],
        *,
        progress: Callable[[Path, int], None],
    ) -> list[ingest.ImportReport]:
        """Bring files of events into the log; `progress` gets the file and its rows so far.

        Raises:
            InvalidInput: as `ingest.import_file`; if a file is missing or of an unknown kind,
                nothing of any is stored.
            LeaseHeld: if another process keeps appending for longer than `PATIENCE`.
            NotFound: `tenant_unknown`.
        """
        self.require_tenant(tenant_id)
        for path in paths:
            ingest.require_file(path)
        with self._right_to_append() as appender:
            return [
                ingest.import_file(
                    path,
                    appender,
                    tenant_id,
                    now=self.clock.now(),
                    note_opt_outs=lambda user_ids: self._note_opt_outs(tenant_id, user_ids),
                    progress=lambda rows, path=path: progress(path, rows),  # type: ignore[misc]
                )
                for path in paths
            ]

    def accept_events(self, tenant_id: TenantId, items: Any) -> list[EventVerdict]:
        """Record events that came by REST; durable when it returns.

        Raises:
            InvalidInput: if `items` is no list of 1 to 500 items.
        """
        return accepting.accept(
            items, tenant_id, state=self.state, log=self.log, now=self.clock.now()
        )

    def copy_to_log(self) -> int:
        """Copy events from the outbox of the state to the log; return how many.

        Raises:
            LeaseHeld: if another process appends right now.
        """
        with self.log.appender() as appender:
            return copy_outbox(self.state, appender, batch=OUTBOX_BATCH)

    def backlog(self) -> Backlog:
        """Count what waits in every tenant's name, for the operator.

        Raises:
            StoreFailure: if the state does not answer.
        """
        return measure(self.state, self.log, now=self.clock.now())

    def waits_for_log(self) -> bool:
        """Tell whether an event has been recorded that no copy has taken up yet."""
        with self.state.read() as tx:
            return outbox.is_waiting(tx)

    def compact_log(self) -> None:
        """Merge the small files that small copies have left."""
        with self.log.appender() as appender:
            appender.compact()

    def _note_opt_outs(self, tenant_id: TenantId, user_ids: Sequence[UserId]) -> None:
        """Let opt-outs that come by file stop what is planned already: dispatchers ask the state.

        Where there is none, nobody waits for the right to write.
        """
        if user_ids:
            with self.state.write() as tx:
                for user_id in user_ids:
                    users.opt_out(tx, tenant_id, user_id, now=self.clock.now())

    @contextmanager
    def _right_to_append(self) -> Iterator[Appender]:
        """Wait for the right to append: a running service takes it for moments only."""
        patience_ends_at = self.clock.now() + PATIENCE
        with ExitStack() as held:
            while True:
                try:
                    appender = held.enter_context(self.log.appender())
                    break
                except LeaseHeld:
                    if self.clock.now() >= patience_ends_at:
                        raise
                    self.clock.wait(Event(), self.clock.now() + timedelta(milliseconds=100))
            yield appender
