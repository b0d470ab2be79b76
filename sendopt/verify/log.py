"""Checks the log: no event twice, and none missing that the state handed over."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from sendopt.errors import InvariantBroken
from sendopt.log import FileReport, Log, Reader, event_table
from sendopt.records import Event, TenantId
from sendopt.state import State, TenantRead, erasures, outbox
from sendopt.state.damage import NOT_A_VALUE
from sendopt.verify.checks import NOBODY
from sendopt.verify.report import Finding

_SQL = files("sendopt.verify") / "sql"
_BATCH = 50_000


def damaged_files(report: FileReport) -> Iterator[Finding]:
    """Yield the data files that are not what was written."""
    for damage in report.damaged:
        tenant_id = NOBODY if damage.tenant_id is None else damage.tenant_id
        yield Finding("log", "data_file_unchanged", tenant_id, damage.path, damage.what)


def ahead_of_state(log: Log, state: State) -> Iterator[Finding]:
    """Yield a finding if the log holds what the state never handed over.

    Either the state was restored from an older copy, or it lost the end of what it had written.
    """
    mark = log.high_water_mark()  # first: the state only ever gives more
    try:
        with state.read_fleet() as tx:
            outbox.require_given(tx, mark)
    except InvariantBroken as ahead:
        what = f"{ahead.message}; docs/runbooks/log-ahead.md says what to do"
        yield Finding("log", "log_is_not_ahead", NOBODY, f"position {mark}", what)


class LogCheck:
    """One tenant's log, looked at through one pinned reader."""

    def __init__(self, reader: Reader, tenant_id: TenantId) -> None:
        self._reader = reader
        self._tenant_id = tenant_id
        self.event_count = int(
            reader.query("event_count", _sql("event_count"))["events"][0].as_py()
        )

    def completeness(self) -> Iterator[Finding]:
        """Yield a finding if the log does not hold as many events as were appended to it."""
        appended, held = self._reader.appended(), self._reader.held()
        if held.count != appended.count:
            yield self._finding(
                "log_is_complete",
                f"snapshot {self._reader.snapshot}",
                f"{appended.count:,} events were appended, it holds {held.count:,}",
            )
        elif appended.checksum not in {held.checksum, None}:
            yield self._finding(
                "event_unchanged",
                f"snapshot {self._reader.snapshot}",
                "its events do not sum up to what was appended: one or more were changed",
            )

    def repeated_ids(self) -> Iterator[Finding]:
        """Yield ids that stand more than once."""
        rows = self._reader.query("repeated_ids", _sql("repeated_ids"))
        for event_id in rows["event_id"].to_pylist():
            yield self._finding("event_is_unique", event_id, "the log holds it more than once")

    def lost_events(self, tx: TenantRead, copied_up_to: int) -> Iterator[Finding]:
        """Yield events that were copied, by the log's own mark, and are not there or differ.

        While somebody is erased the two differ for a moment.
        """
        if erasures.is_any_under_way(tx):
            return
        for rows in _readable(tx):
            copied = [event for at, _, event in rows if at <= copied_up_to]
            lost = self._reader.query(
                "lost_events", _sql("lost_events"), inputs={"copied": event_table(copied)}
            )
            for event_id in lost["event_id"].to_pylist():
                yield self._finding(
                    "copied_event_is_in_log",
                    event_id,
                    "the state handed it over, the log does not hold it as it was",
                )

    def _finding(self, rule: str, subject: str, explanation: str) -> Finding:
        return Finding("log", rule, self._tenant_id, subject, explanation)


def _readable(tx: TenantRead) -> Iterator[list[tuple[int, TenantId, Event]]]:
    """Yield the outbox in batches without the events that cannot be read, which others name."""
    position, limit = 0, _BATCH
    while True:
        try:
            rows = outbox.tenants_after(tx, position, limit=limit)
            event_table(event for _, _, event in rows)
        except (InvariantBroken, *NOT_A_VALUE):
            if limit > 1:
                limit //= 2  # the damaged one is among fewer
                continue
            position = outbox.next_position(tx, position)
            limit = _BATCH
            continue
        if not rows:
            return
        yield rows
        position, limit = rows[-1][0], _BATCH


def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()
