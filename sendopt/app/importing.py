"""Appends what files bring, behind what requests have brought before under the same ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.log import Appender, AppendReport
from sendopt.records import TenantId
from sendopt.state import State, import_gate, outbox
from sendopt.state.erased import among


class _Overtaken(Exception):
    """A request was acknowledged under an id of the file before the file's events were stored."""


class ImportAppender:
    """The appender as an import sees it: an id that a request has taken is taken.

    Args:
        state: whose outbox holds what requests brought and the log has not got yet.
        appender: of the log.
        copy: brings the outbox into the log.
    """

    def __init__(self, state: State, appender: Appender, copy: Callable[[], object]) -> None:
        self._state = state
        self._appender = appender
        self._copy = copy

    def append(self, tenant_id: TenantId, events: pa.Table) -> AppendReport:
        """Store those of `events` whose ids are new, as `Appender.append` does.

        Raises:
            InvalidInput: if columns are missing or of other types.
            StoreFailure: if it could not be stored; then nothing of it was.
        """
        stays, erased = self._without_erased(tenant_id, events)
        while True:
            self._copy()
            try:
                report = self._appender.append(
                    tenant_id,
                    stays,
                    committing=lambda: self._behind_requests(tenant_id, stays["event_id"]),
                )
            except _Overtaken:
                continue  # what came meanwhile is copied first, and then the file repeats it
            return report if not erased else _in_all_rows(report, erased, len(events))

    def _without_erased(
        self, tenant_id: TenantId, events: pa.Table
    ) -> tuple[pa.Table, tuple[int, ...]]:
        """Return the events of users who were not erased, and the rows of the others.

        Whoever is erased from now on is taken out of the log after this import.
        """
        users = pc.unique(events["user_id"]).to_pylist()
        with self._state.read(tenant_id) as tx:
            gone = among(tx, users)
        if not gone:
            return events, ()
        theirs = pc.is_in(events["user_id"], value_set=pa.array(sorted(gone), pa.string()))
        rows = tuple(np.flatnonzero(np.asarray(theirs)).tolist())
        return events.filter(pc.invert(theirs)), rows

    @contextmanager
    def _behind_requests(self, tenant_id: TenantId, event_ids: pa.ChunkedArray) -> Iterator[None]:
        """Let the log commit while no request can take an id; refuse it if one already has.

        Raises:
            _Overtaken: before anything is committed.
        """
        mark = self._appender.high_water_mark()
        with self._state.write(tenant_id) as tx:
            import_gate.announce(tx)
        with self._state.write(tenant_id) as tx:
            import_gate.shut(tx)
            waiting = pa.array(outbox.waiting_ids(tx, mark), pa.string())
            if len(waiting) and pc.any(pc.is_in(event_ids, value_set=waiting)).as_py():
                raise _Overtaken
            yield
            import_gate.end(tx)


def _in_all_rows(report: AppendReport, erased: tuple[int, ...], size: int) -> AppendReport:
    """Return a report about what stays as one about all of `size` rows."""
    stays = np.delete(np.arange(size), erased)
    conflicts = [replace(each, row=int(stays[each.row])) for each in report.conflicts]
    return replace(report, conflicts=conflicts, erased=erased)


def end_abandoned(state: State) -> None:
    """End what imports that died have announced; for the holder of the right to append."""
    with state.read_fleet() as tx:
        abandoned = import_gate.abandoned(tx)
    for tenant_id in abandoned:
        with state.write(tenant_id) as tx:
            import_gate.end(tx)
