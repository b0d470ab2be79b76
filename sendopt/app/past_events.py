"""When something happened to a user: out of the state, if it came just now, and out of the log."""

from __future__ import annotations

from datetime import datetime

from sendopt.log import Log
from sendopt.records import EventMoment, TenantId, UserId
from sendopt.state import State, user_events

_BY_ID = """
select occurred_at from event where user_id = $user_id and event_id = $named
"""
_LAST_OF_TYPE = """
select max(occurred_at) as occurred_at from event
where user_id = $user_id and event_type = $named and occurred_at <= $now
"""


def happened_at(
    state: State,
    log: Log,
    tenant_id: TenantId,
    user_id: UserId,
    moment: EventMoment,
    *,
    now: datetime,
) -> datetime | None:
    """Return when an event of the user happened; None = nobody has told of any.

    Of several of a type it is the last one that happened by `now`. An event of another user is
    none.
    """
    if moment.event_id is not None:
        with state.read(tenant_id) as tx:
            for event in user_events.stored(tx, [moment.event_id]):
                return event.occurred_at if event.user_id == user_id else None
        return _in_log(log, tenant_id, user_id, moment, now=now)
    copied = log.high_water_mark()  # first: what is copied meanwhile is found twice, not never
    with state.read(tenant_id) as tx:
        waiting = [
            event.occurred_at
            for event in user_events.waiting(tx, user_id, behind=copied)
            if event.event_type == moment.event_type and event.occurred_at <= now
        ]
    told = _in_log(log, tenant_id, user_id, moment, now=now)
    return max([*waiting, *([] if told is None else [told])], default=None)


def _in_log(
    log: Log, tenant_id: TenantId, user_id: UserId, moment: EventMoment, *, now: datetime
) -> datetime | None:
    asked = {"user_id": user_id, "named": moment.event_id or str(moment.event_type)}
    with log.reader(tenant_id) as reader:
        if moment.event_id is not None:
            found = reader.query("event_by_id", _BY_ID, asked)
        else:
            found = reader.query("last_event_of_type", _LAST_OF_TYPE, asked | {"now": now})
    told: list[datetime | None] = found["occurred_at"].to_pylist()
    return told[0] if told else None
