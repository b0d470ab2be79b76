"""Events that come by REST: judged, compared with the log, recorded in the state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

from sendopt.app.answers import EventVerdict, Verdict
from sendopt.ingest import accept_events
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, Rejection, TenantId
from sendopt.state import State, outbox, users

_KNOWN_EVENTS = files("sendopt.ingest") / "sql" / "known_events.sql"

_RECORDED = {
    outbox.Verdict.RECORDED: Verdict.ACCEPTED,
    outbox.Verdict.REPEATED: Verdict.REPEATED,
    outbox.Verdict.CONFLICT: Verdict.CONFLICT,
}


def accept(
    items: Any, tenant_id: TenantId, *, state: State, log: Log, now: datetime
) -> list[EventVerdict]:
    """Record the good ones of `items` in one transaction and return a verdict on each, in order.

    An id is unique for ever, however it came: ids that a file brought are found in the log.
    An opt-out takes effect in the same transaction.

    Raises:
        InvalidInput: `empty_batch`, `too_many_items`, `wrong_type`, if there are no items to judge.
    """
    judged = accept_events(items, now=now)
    events = [item for item in judged if isinstance(item, Event)]
    known = _known(events, tenant_id, log)
    fresh = [event for event in events if event.event_id not in known]
    with state.write() as tx:
        recorded = outbox.record(tx, tenant_id, fresh, now=now)
        for event, told in zip(fresh, recorded, strict=True):
            if event.event_type is EventType.OPT_OUT and told.verdict is outbox.Verdict.RECORDED:
                users.opt_out(tx, tenant_id, event.user_id, now=now)
    of_fresh = iter(recorded)
    verdicts = []
    for item in judged:
        if isinstance(item, Rejection):
            verdicts.append(_rejected(item))
        elif item.event_id in known:
            repeat = known[item.event_id]
            verdicts.append(_told(item, Verdict.REPEATED if repeat else Verdict.CONFLICT))
        else:
            verdicts.append(_told(item, _RECORDED[next(of_fresh).verdict]))
    return verdicts


def _known(events: Sequence[Event], tenant_id: TenantId, log: Log) -> dict[str, bool]:
    """Return which ids the log holds: True for the same content, False for other content."""
    if not events:
        return {}
    with log.reader(tenant_id) as reader:
        rows = reader.query(
            "known_events", _KNOWN_EVENTS.read_text(), inputs={"incoming": event_table(events)}
        )
    return dict(zip(rows["event_id"].to_pylist(), rows["is_repeat"].to_pylist(), strict=True))


def _rejected(item: Rejection) -> EventVerdict:
    return EventVerdict(
        event_id=None,
        verdict=Verdict.REJECTED,
        code=item.code,
        detail=item.reason,
        field=item.column,
        expected=item.expected,
        hint=item.hint,
    )


def _told(event: Event, verdict: Verdict) -> EventVerdict:
    if verdict is not Verdict.CONFLICT:
        return EventVerdict(event.event_id, verdict)
    return EventVerdict(
        event.event_id,
        verdict,
        code="event_conflict",
        detail="is stored already with other content; the first stays",
        field="/event_id",
        hint="give a corrected event a new event_id",
    )
