"""What waits: sends for their time, and events for their way into the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sendopt.errors import StoreFailure
from sendopt.log import Log
from sendopt.records import SendState, TenantId
from sendopt.state import State, hold, metering, outbox, plans, tenants


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits at one moment, for the operator alone: it names every tenant, and no user."""

    sends: Mapping[TenantId, Mapping[SendState, int]]  # every tenant, every state
    oldest_due: timedelta  # since the oldest send that is due and not handed over; 0 = none is
    held: Mapping[TenantId, int]  # after a restore, until somebody resumes them; every tenant
    outbox_waiting: Mapping[TenantId, int] | None  # not in the log yet; None = the log is silent
    outbox_refused: Mapping[tuple[TenantId, str], int]  # recorded, and left out of the log: why
    unmetered: Mapping[TenantId, int]  # clicks and responses no statement counts yet; every tenant


def measure(state: State, log: Log, *, now: datetime) -> Backlog:
    """Count what waits at `now`.

    Raises:
        StoreFailure: if the state does not answer.
    """
    mark = _high_water_mark(log)
    with state.read_fleet() as tx:
        everyone = tenants.everyone(tx)
        counts = plans.send_counts(tx)
        waiting = None if mark is None else outbox.waiting(tx, mark)
        refused = outbox.refused(tx)
        held = hold.held_by_tenant(tx, now=now)
        unmetered = {each: metering.count_unmetered(tx.of(each)) for each in everyone}
    sends = {tenant_id: dict.fromkeys(SendState, 0) for tenant_id in everyone}
    for count in counts:
        sends[count.tenant_id][count.state] = count.count
    due = [
        count.earliest_due_at
        for count in counts
        if count.state in {SendState.PLANNED, SendState.CLAIMED} and count.earliest_due_at
    ]
    return Backlog(
        sends=sends,
        oldest_due=max(now - min(due, default=now), timedelta(0)),
        held={each: held.get(each, 0) for each in sends},
        outbox_waiting=None if waiting is None else {each: waiting.get(each, 0) for each in sends},
        outbox_refused=refused,
        unmetered=unmetered,
    )


def _high_water_mark(log: Log) -> int | None:
    """Return how far the log has copied the outbox; None if it does not answer.

    The state alone cannot tell: an event has its position before the log has the event.
    """
    try:
        return log.high_water_mark()
    except StoreFailure:
        return None
