"""Events that come by REST: judged, compared with the log, recorded in the state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

from sendopt.app.answers import EventVerdict, FieldNote, Verdict
from sendopt.ingest import (
    AcceptedEvent,
    RejectedEvent,
    accept_events,
    conflict_of,
    without_users,
)
from sendopt.ingest.consent import consent_of
from sendopt.log import Log, differing_columns, event_table, events_of
from sendopt.records import ConsentDoor, Event, EventType, Finding, TenantId
from sendopt.state import State, consents, erased, import_gate, outbox

_KNOWN_EVENTS = files("sendopt.ingest").joinpath("sql", "known_events.sql").read_text("utf-8")


def accept(
    items: Any, tenant_id: TenantId, *, state: State, log: Log, now: datetime
) -> list[EventVerdict]:
    """Record the good ones of `items` in one transaction and return a verdict on each, in order.

    An id is unique for ever, however it came: ids that a file brought are found in the log.
    What a user said on being sent to takes effect in the same transaction.

    Raises:
        InvalidInput: `empty_batch`, `too_many_items`, `wrong_type`, if there are no items to judge.
    """
    judged = accept_events(items, now=now)
    events = [item.event for item in judged if isinstance(item, AcceptedEvent)]
    with state.read(tenant_id) as tx:
        imports = import_gate.number(tx)
    known = _known(events, tenant_id, log)
    with state.write(tenant_id) as tx:
        if import_gate.hold_open(tx) != imports or imports % 2:
            known = _known(events, tenant_id, log)  # a file may have brought one meanwhile
        gone = erased.among(tx, [event.user_id for event in events])
        judged = without_users(judged, gone)
        events = [item.event for item in judged if isinstance(item, AcceptedEvent)]
        fresh = [event for event in events if event.event_id not in known]
        recorded = iter(outbox.record(tx, fresh, now=now))
        verdicts = [
            _rejected(item)
            if isinstance(item, RejectedEvent)
            else _told(item, _first(item.event, known, recorded))
            for item in judged
        ]
        said = [
            consent_of(item.event)
            for item, verdict in zip(judged, verdicts, strict=True)
            if isinstance(item, AcceptedEvent) and _is_heard(item.event, verdict)
        ]
        consents.note(tx, said, door=ConsentDoor.API, now=now)
    return verdicts


def _known(events: Sequence[Event], tenant_id: TenantId, log: Log) -> dict[str, Event]:
    """Return what the log holds under the ids of `events`."""
    if not events:
        return {}
    with log.reader(tenant_id) as reader:
        rows = reader.query("known_events", _KNOWN_EVENTS, inputs={"incoming": event_table(events)})
    return {event.event_id: event for event in events_of(rows)}


def _first(
    event: Event, known: Mapping[str, Event], recorded: Iterator[outbox.RecordResult]
) -> Event | None:
    """Return what stands under the id of `event`; None if that is `event` itself, now."""
    if event.event_id in known:
        return known[event.event_id]
    told = next(recorded)
    if told.verdict is outbox.RecordVerdict.RECORDED:
        return None
    return event if told.first is None else told.first


def _is_heard(event: Event, verdict: EventVerdict) -> bool:
    """Tell whether an event is a word on being sent to that takes effect.

    An opt-out does whatever its id; an opt-in only once it is recorded.
    """
    if event.event_type is EventType.OPT_OUT:
        return True
    return event.event_type is EventType.OPT_IN and verdict.verdict is not Verdict.CONFLICT


def _rejected(item: RejectedEvent) -> EventVerdict:
    return EventVerdict(
        Verdict.REJECTED,
        code=item.code,
        detail=item.reason,
        field=item.column,
        expected=item.expected,
        hint=item.hint,
        errors=tuple(map(_note, (item, *item.others))),
    )


def _told(item: AcceptedEvent, first: Event | None) -> EventVerdict:
    event, dropped = item.event, tuple(map(_note, item.dropped)) or None
    if first is None:
        return EventVerdict(Verdict.ACCEPTED, event.event_id, dropped_fields=dropped)
    columns = differing_columns(first, event)
    if not columns or (item.time_is_ours and columns == ("occurred_at",)):
        return EventVerdict(Verdict.REPEATED, event.event_id, dropped_fields=dropped)
    error = conflict_of(event.event_id, columns)
    return EventVerdict(
        Verdict.CONFLICT,
        event.event_id,
        code=error.code,
        detail=error.message,
        field="/event_id",
        hint=error.hint,
    )


def _note(finding: Finding) -> FieldNote:
    return FieldNote(
        field=finding.column,
        code=finding.code,
        detail=finding.reason,
        expected=finding.expected,
        hint=finding.hint,
    )
