"""Events: what happened, in by file or by request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sendopt import ingest
from sendopt.app import accepting
from sendopt.app.answers import EventVerdict
from sendopt.app.appending import copy_outbox, right_to_append
from sendopt.app.importing import ImportAppender
from sendopt.app.subject import Subject, needs
from sendopt.ingest.raw import DEFAULTS
from sendopt.ingest.raw import Options as ImportOptions
from sendopt.records import Consent, ConsentDoor, Permission
from sendopt.state import consents, users

_ANY_ZONE = "select 1 from event where timezone is not null limit 1"


class Events(Subject):
    """What happened, on its way into the log."""

    @needs(Permission.EVENTS_WRITE)
    def import_files(
        self,
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
        """
        stores = self._stores
        mapping = ingest.load_mapping(vendor=vendor, file=mapping_file)
        files = [file for path in paths for file in ingest.files_of(path, mapping)]
        with right_to_append(stores.log, stores.clock) as appender:
            behind_requests = ImportAppender(
                stores.state, appender, lambda: copy_outbox(stores.state, appender)
            )
            reports = []
            for path in files:
                report = ingest.import_file(
                    path,
                    behind_requests,
                    self._tenant_id,
                    now=self._now(),
                    note_consents=self._note_consents,
                    progress=partial(progress, path),
                    options=options,
                    mapping=mapping,
                )
                self._audit_import("event:import", report)
                reports.append(report)
            return reports

    @needs(Permission.USERS_READ)
    def knows_zones(self) -> bool:
        """Tell whether anything says where one of the tenant's users is: an event, or a profile."""
        with self._read() as tx:
            if users.any_zone(tx):
                return True
        with self._stores.reader(self._tenant_id) as reader:
            return len(reader.query("any_zone", _ANY_ZONE)) > 0

    @needs(Permission.EVENTS_WRITE)
    def accept(self, items: Any) -> list[EventVerdict]:
        """Record events that came by REST; durable when it returns.

        Raises:
            InvalidInput: if `items` is no list of 1 to 500 items.
        """
        return accepting.accept(
            items, self._tenant_id, state=self._stores.state, log=self._stores.log, now=self._now()
        )

    def _note_consents(self, said: Sequence[Consent]) -> None:
        """Let opt-outs that come by file stop what is planned already: dispatchers ask the state.

        Where there is none, nobody waits for the right to write.
        """
        if said:
            with self._write() as tx:
                consents.note(tx, said, door=ConsentDoor.IMPORT, now=self._now())
