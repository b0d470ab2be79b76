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
from sendopt.app.importing import ImportAppender, end_abandoned
from sendopt.app.scrub import ScrubReport, scrub
from sendopt.app.stores import Stores
from sendopt.errors import LeaseHeld
from sendopt.ingest.raw import DEFAULTS
from sendopt.ingest.raw import Options as ImportOptions
from sendopt.log import Appender
from sendopt.records import Consent, TenantId
from sendopt.state import outbox, users

OUTBOX_BATCH = 5_000

#: How long an import waits for a copy or a compaction that is going on.
PATIENCE = timedelta(seconds=60)


_ANY_ZONE = "select 1 from event where timezone is not null limit 1"


class Events(Stores):
    """What happened, on its way into the log."""

    def import_files(
        self,
        tenant_id: TenantId,
        paths: Sequence[Path],
        *,
        progress: Callable[[Path, int], None],
        options: ImportOptions = DEFAULTS,
        vendor: str | None = None,
        mapping_file: Path | None = None,
    ) -> list[ingest.ImportReport]:
        """Bring files of events into the log; `progress` gets the file and its rows so far.

        Of a folder every file in it is read, as if it had been named. Files of another sender are
        read by the mapping of a known `vendor`, or by one in a file.

        Raises:
            InvalidInput: as `ingest.import_file`; if a file is missing or of an unknown kind,
                nothing of any is stored.
            LeaseHeld: if another process keeps appending for longer than `PATIENCE`.
            NotFound: `tenant_unknown`.
        """
        self.require_tenant(tenant_id)
        mapping = ingest.load_mapping(vendor=vendor, file=mapping_file)
        files = [file for path in paths for file in ingest.files_of(path, mapping)]
        with self._right_to_append() as appender:
            behind_requests = ImportAppender(self.state, appender, lambda: self._copy(appender))
            return [
                ingest.import_file(
                    path,
                    behind_requests,
                    tenant_id,
                    now=self.clock.now(),
                    note_consents=lambda consents: self._note_consents(tenant_id, consents),
                    progress=lambda rows, path=path: progress(path, rows),  # type: ignore[misc]
                    options=options,
                    mapping=mapping,
                )
                for path in files
            ]

    def knows_zones(self, tenant_id: TenantId) -> bool:
        """Tell whether anything says where one of the tenant's users is: an event, or a profile."""
        with self.state.read(tenant_id) as tx:
            if users.any_zone(tx):
                return True
        with self.reader(tenant_id) as reader:
            return len(reader.query("any_zone", _ANY_ZONE)) > 0

    def accept_events(self, tenant_id: TenantId, items: Any) -> list[EventVerdict]:
        """Record events that came by REST; durable when it returns.

        Raises:
            InvalidInput: if `items` is no list of 1 to 500 items.
        """
        return accepting.accept(
            items, tenant_id, state=self.state, log=self.log, now=self.clock.now()
        )

    def copy_to_log(self, *, progress: Callable[[], None] = lambda: None) -> int:
        """Copy events from the outbox of the state to the log; return how many.

        `progress` is called after every batch.

        Raises:
            LeaseHeld: if another process appends right now.
            InvariantBroken: `log_ahead`, if the state was restored from before the log's last copy.
            StoreFailure: if a store fails; what was copied stays, and a repetition goes on there.
        """
        with self.log.appender() as appender:
            end_abandoned(self.state)
            return self._copy(appender, progress=progress)

    def backlog(self) -> Backlog:
        """Count what waits in every tenant's name, for the operator.

        Raises:
            StoreFailure: if the state does not answer.
        """
        return measure(self.state, self.log, now=self.clock.now())

    def waits_for_log(self) -> bool:
        """Tell whether an event has been recorded that no copy has taken up yet."""
        with self.state.read_fleet() as tx:
            return outbox.is_waiting(tx)

    def compact_log(self) -> None:
        """Merge the small files that small copies have left."""
        with self.log.appender() as appender:
            appender.compact()

    def scrub_log(self, *, progress: Callable[[str], None]) -> ScrubReport:
        """Compare everything in the log with what was written down when it was appended.

        Raises:
            LeaseHeld: if another process keeps appending for longer than `PATIENCE`, where files
                of an earlier release have to be given their hashes.
        """
        return scrub(self.log, self._right_to_append, progress=progress)

    def _copy(self, appender: Appender, *, progress: Callable[[], None] = lambda: None) -> int:
        return copy_outbox(self.state, appender, batch=OUTBOX_BATCH, progress=progress)

    def _note_consents(self, tenant_id: TenantId, consents: Sequence[Consent]) -> None:
        """Let opt-outs that come by file stop what is planned already: dispatchers ask the state.

        Where there is none, nobody waits for the right to write.
        """
        if consents:
            now = self.clock.now()
            with self.state.write(tenant_id) as tx:
                for said in consents:
                    note = users.opt_in if said.given else users.opt_out
                    note(tx, said.user_id, at=said.at, now=now)

    @contextmanager
    def _right_to_append(self) -> Iterator[Appender]:
        """Wait for the right to append: a running service takes it for moments only."""
        gives_up_at = self.clock.monotonic() + PATIENCE.total_seconds()
        with ExitStack() as held:
            while True:
                try:
                    appender = held.enter_context(self.log.appender())
                    break
                except LeaseHeld:
                    if self.clock.monotonic() >= gives_up_at:
                        raise
                    self.clock.wait(Event(), self.clock.now() + timedelta(milliseconds=100))
            yield appender
