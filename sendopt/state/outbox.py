"""Events that are owed to the log: recorded with their effect, copied later, each exactly once.

An event is recorded in the transaction that also stores what it tells about, so both are there
or neither. The one appender then gives every event a position, dense and ascending, and copies
what lies behind the log's high-water mark. Rows stay for ever: they keep event ids unique, and
the log can be rebuilt from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa

from sendopt.clock import as_utc
from sendopt.errors import InvariantBroken
from sendopt.records import Event, EventType, TenantId
from sendopt.state.chunks import chunks
from sendopt.state.damage import NOT_A_VALUE, Unreadable, readable
from sendopt.state.engine import insert
from sendopt.state.json_text import json_text
from sendopt.state.row_hash import ROW_HASH, hash_of
from sendopt.state.tables import event_outbox
from sendopt.state.transaction import FleetRead, FleetWrite, TenantRead, TenantWrite, Transaction

#: `fields` looks at all of them anew with every call.
_COLUMNS = tuple(field.name for field in fields(Event))
#: Why an event is not offered to the log: its user was erased, and nothing is left of it.
ERASED = "user_erased"
#: Rows of one statement; SQLite takes 32,766 parameters.
_CHUNK = 1000


class RecordVerdict(StrEnum):
    """What became of an event that was to be recorded."""

    RECORDED = "recorded"
    REPEATED = "repeated"  # same id, same content: success, counted once
    CONFLICT = "conflict"  # same id, other content: the first stays


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The verdict on one event, and of a conflict the content that stays.

    Without a `first` a conflict is one with something that nobody can read; it stays all the same.
    """

    verdict: RecordVerdict
    first: Event | None = None


@dataclass(frozen=True, slots=True)
class DamagedEvent:
    """An event of the outbox that nobody can read."""

    position: int
    tenant_id: TenantId
    event_id: str
    damage: str


def record(tx: TenantWrite, events: Iterable[Event], *, now: datetime) -> list[RecordResult]:
    """Record `events`, each once for ever, and tell of each what became of it, in their order.

    Two transactions that record the same id at once agree: one records it, the other waits and
    then sees a repetition or a conflict. Within one call the first of an id counts as recorded.
    """
    given = [(event.event_id, _document(event)) for event in events]
    stored: dict[str, dict[str, Any]] = {}
    for event_id, document in given:
        stored.setdefault(event_id, document)
    fresh = set[str]()
    # In the order of ids: two batches that overlap then never wait for each other in a circle.
    for chunk in chunks(sorted(stored), _CHUNK):
        inserted = tx.execute(
            insert(tx, event_outbox)
            .on_conflict_do_nothing(index_elements=["tenant_id", "event_id"])
            .returning(event_outbox.c.event_id),
            [_row(tx.tenant_id, event_id, stored[event_id], now) for event_id in chunk],
        )
        fresh.update(inserted.scalars())
        stored |= _find(tx, [event_id for event_id in chunk if event_id not in fresh])
    return _verdicts(given, stored, fresh)


def _row(
    tenant_id: TenantId, event_id: str, document: dict[str, Any], now: datetime
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "tenant_id": tenant_id,
        "event_id": event_id,
        "event": json_text(document),
        "recorded_at": now,
    }
    row[ROW_HASH] = hash_of(event_outbox, row)  # SQLAlchemy would ask for a default row by row
    return row


def assign_positions(tx: FleetWrite, *, limit: int) -> int:
    """Give the next positions to at most `limit` events that have none; return how many.

    Positions are dense, begin at 1 and are given in the order of commits, which sequence numbers
    are not: a reader behind a position has missed nothing. For the one appender only; should a
    second one live, the unique positions let one of the two fail.
    """
    return tx.execute(_give_positions(), {"last": last_position(tx), "most": limit}).rowcount


@cache  # to build it takes longer than to execute it
def _give_positions() -> sa.Update:
    waiting = (
        sa.select(
            event_outbox.c.sequence,
            sa.func.row_number().over(order_by=event_outbox.c.sequence).label("rank"),
        )
        .where(event_outbox.c.position.is_(None))
        .order_by(event_outbox.c.sequence)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .subquery()
    )
    return (
        sa.update(event_outbox)
        .where(event_outbox.c.sequence == waiting.c.sequence)
        .values(position=sa.bindparam("last", type_=sa.BigInteger) + waiting.c.rank)
    )


def is_waiting(tx: FleetRead) -> bool:
    """Tell whether an event has no position yet."""
    return bool(tx.scalar(sa.select(sa.exists().where(event_outbox.c.position.is_(None)))))


def last_position(tx: FleetRead) -> int:
    """Return the highest position given so far, 0 at first."""
    return tx.scalar(_LAST_POSITION) or 0


_LAST_POSITION = sa.select(sa.func.max(event_outbox.c.position))


def require_given(tx: FleetRead, position: int) -> None:
    """Refuse a position, up to which the log has copied, that the state never gave.

    Going on would give it a second time and leave that event out of the log.

    Raises:
        InvariantBroken: `log_ahead`.
    """
    last = last_position(tx)
    if position > last:
        raise InvariantBroken(
            f"the log has copied up to position {position}, the state has given only {last}",
            code="log_ahead",
            hint="the state is an older copy, and this log the only record of what it lacks: keep "
            "both; docs/runbooks/log-ahead.md says what to do",
        )


def after(tx: FleetRead, position: int, *, limit: int) -> list[tuple[int, TenantId, Event]]:
    """Return every tenant's events behind `position` in ascending order, the refused left out.

    Raises:
        InvariantBroken: `event_damaged`, if one of them cannot be read; `damaged` says which.
    """
    return _after(tx, _behind(position), limit=limit)


def tenants_after(
    tx: TenantRead, position: int, *, limit: int
) -> list[tuple[int, TenantId, Event]]:
    """Return the same as `after`, of one tenant."""
    return _after(tx, sa.and_(tx.owns(event_outbox), _behind(position)), limit=limit)


def _behind(position: int) -> sa.ColumnElement[bool]:
    return sa.and_(event_outbox.c.position > position, event_outbox.c.refused_reason.is_(None))


def _after(
    tx: Transaction, which: sa.ColumnElement[bool], *, limit: int
) -> list[tuple[int, TenantId, Event]]:
    query = sa.select(
        event_outbox.c.position, event_outbox.c.tenant_id, event_outbox.c.event
    ).where(which)
    try:
        rows = readable(tx, query.order_by(event_outbox.c.position).limit(limit))
        return [(row.position, TenantId(row.tenant_id), event_of(row.event)) for row in rows]
    except (Unreadable, *NOT_A_VALUE) as error:
        raise InvariantBroken(
            "an event of the outbox cannot be read",
            code="event_damaged",
            hint="the next copy leaves it out of the log, and `sendopt verify` names it",
        ) from error


def damaged(tx: FleetRead, position: int, *, limit: int) -> list[DamagedEvent]:
    """Return which of the next `limit` events behind `position` cannot be read, or not be kept."""
    keys = (
        sa.select(event_outbox.c.position, event_outbox.c.tenant_id, event_outbox.c.event_id)
        .where(event_outbox.c.position > position, event_outbox.c.refused_reason.is_(None))
        .order_by(event_outbox.c.position)
        .limit(limit)
    )
    found = []
    for key in tx.execute(keys).all():
        one = sa.select(event_outbox.c.event).where(event_outbox.c.position == key.position)
        try:
            check_document(readable(tx, one)[0].event)
        except Unreadable as damage:
            found.append(
                DamagedEvent(key.position, TenantId(key.tenant_id), key.event_id, str(damage))
            )
    return found


def refused(tx: FleetRead) -> dict[tuple[TenantId, str], int]:
    """Count by tenant and reason the events that were recorded and left out of the log.

    Those of users who were erased are not counted: nothing is wrong with them.

    For the operator of the whole service, never for an answer to a tenant.
    """
    rows = tx.execute(
        sa.select(event_outbox.c.tenant_id, event_outbox.c.refused_reason, sa.func.count())
        .where(event_outbox.c.refused_reason.is_not(None), event_outbox.c.refused_reason != ERASED)
        .group_by(event_outbox.c.tenant_id, event_outbox.c.refused_reason)
    )
    return {(TenantId(tenant_id), reason): count for tenant_id, reason, count in rows}


def next_position(tx: TenantRead, position: int) -> int:
    """Return the first position of the tenant's behind `position`, whatever its event holds."""
    query = sa.select(sa.func.min(event_outbox.c.position)).where(
        event_outbox.c.position > position,
        tx.owns(event_outbox),
        event_outbox.c.refused_reason.is_(None),
    )
    return tx.scalar(query) or position


def waiting(tx: FleetRead, position: int) -> dict[TenantId, int]:
    """Count by tenant what is behind `position`, or has none yet; tenants without any are left out.

    For the operator of the whole service, never for an answer to a tenant.
    """
    rows = tx.execute(
        sa.select(event_outbox.c.tenant_id, sa.func.count())
        .where(
            sa.or_(event_outbox.c.position.is_(None), event_outbox.c.position > position),
            event_outbox.c.refused_reason.is_(None),
        )
        .group_by(event_outbox.c.tenant_id)
    )
    return {TenantId(tenant_id): count for tenant_id, count in rows}


def waiting_ids(tx: TenantRead, position: int) -> list[str]:
    """Return the ids of a tenant's events behind `position`, or that have none yet.

    Reads what waits of all tenants, which is little, rather than all events of the tenant.
    """
    behind = (event_outbox.c.position > position, event_outbox.c.position.is_(None))
    found = (
        tx.execute(
            sa.select(event_outbox.c.tenant_id, event_outbox.c.event_id).where(
                of_these, event_outbox.c.refused_reason.is_(None)
            )
        )
        for of_these in behind
    )
    return [row.event_id for rows in found for row in rows if row.tenant_id == tx.tenant_id]


def refuse(tx: FleetWrite, position: int, reason: str) -> None:
    """Note why the event at `position` is not in the log; it will not be offered again."""
    tx.execute(
        sa.update(event_outbox)
        .where(event_outbox.c.position == position)
        .values(refused_reason=reason)
    )


def _find(tx: TenantRead, event_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    if not event_ids:
        return {}
    query = sa.select(event_outbox.c.event_id, event_outbox.c.event).where(tx.owns(event_outbox))
    try:
        rows = readable(tx, query.where(event_outbox.c.event_id.in_(event_ids)))
        return {row.event_id: row.event for row in rows}
    except Unreadable:
        pass
    found: dict[str, dict[str, Any]] = {}
    for event_id in event_ids:
        try:
            rows = readable(tx, query.where(event_outbox.c.event_id == event_id))
            found |= {row.event_id: row.event for row in rows}
        except Unreadable:
            found[event_id] = {}
    return found


def _verdicts(
    given: Sequence[tuple[str, dict[str, Any]]],
    stored: dict[str, dict[str, Any]],
    fresh: set[str],
) -> list[RecordResult]:
    verdicts = []
    for event_id, document in given:
        first = stored[event_id]
        if document is not first and _text(document) != _text(first):
            verdicts.append(RecordResult(RecordVerdict.CONFLICT, first=_first(first)))
        elif event_id in fresh:
            verdicts.append(RecordResult(RecordVerdict.RECORDED))
            fresh.remove(event_id)  # the next of this id in the same call repeats it
        else:
            verdicts.append(RecordResult(RecordVerdict.REPEATED))
    return verdicts


def _first(document: dict[str, Any]) -> Event | None:
    try:
        check_document(document)
    except Unreadable:
        return None
    return event_of(document)


def check_document(document: Any) -> None:
    """Check that a document is an event which the log can keep.

    Raises:
        Unreadable: says in which member it is not.
    """
    try:
        event = event_of(document)
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except NOT_A_VALUE as error:
        raise Unreadable(f"is no event ({type(error).__name__})") from error
    for name in _COLUMNS:
        if not isinstance(getattr(event, name), _KINDS.get(name, str | None)):
            raise Unreadable(f"holds no {name}")
    if event.occurred_at.tzinfo is None:
        raise Unreadable("holds no zone in occurred_at")


_KINDS: dict[str, Any] = {
    "event_id": str,
    "user_id": str,
    "event_type": EventType,
    "occurred_at": datetime,
    "propensity": float | int | None,
    "attributes": dict,
}


def _document(event: Event) -> dict[str, Any]:
    """Return `event` as JSON without its empty fields, the time in UTC."""
    document = {
        name: value
        for name in _COLUMNS
        if (value := getattr(event, name)) is not None and value != {}
    }
    document["event_type"] = str(event.event_type)
    document["occurred_at"] = as_utc(event.occurred_at).isoformat(timespec="microseconds")
    return document


def event_of(document: dict[str, Any]) -> Event:
    """Return the event that a document tells of.

    Raises:
        Unreadable: and whatever else NOT_A_VALUE names, if it tells of none.
    """
    if not isinstance(document.get("attributes", {}), dict):
        raise Unreadable("holds no attributes")
    return Event(
        **{
            **document,
            "event_type": EventType(document["event_type"]),
            "occurred_at": datetime.fromisoformat(document["occurred_at"]),
        }
    )


def _text(document: dict[str, Any]) -> str:
    """Return what two documents share exactly if they say the same; 1 and true differ."""
    return json.dumps(document, sort_keys=True)
