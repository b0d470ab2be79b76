"""Checks the log: no event twice, and none missing that the state handed over."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from sendopt.log import Reader, event_table
from sendopt.records import TenantId
from sendopt.state import Transaction, outbox
from sendopt.verify.report import Finding

_SQL = files("sendopt.verify") / "sql"
_BATCH = 50_000


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
        appended = self._reader.appended().count
        if self.event_count != appended:
            yield self._finding(
                "log_is_complete",
                f"snapshot {self._reader.snapshot}",
                f"{appended:,} events were appended, it holds {self.event_count:,}",
            )

    def repeated_ids(self) -> Iterator[Finding]:
        """Yield ids that stand more than once."""
        rows = self._reader.query("repeated_ids", _sql("repeated_ids"))
        for event_id in rows["event_id"].to_pylist():
            yield self._finding("event_is_unique", event_id, "the log holds it more than once")

    def lost_events(self, tx: Transaction, copied_up_to: int) -> Iterator[Finding]:
        """Yield events that were copied, by the log's own mark, and are not there or differ."""
        position = 0
        while rows := outbox.after(tx, position, limit=_BATCH, tenant_id=self._tenant_id):
            position = rows[-1][0]
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


def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text()
