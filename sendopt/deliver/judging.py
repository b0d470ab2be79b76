"""Judges a batch of due sends again, by what is known at the hand-over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sendopt.deliver.allowed_times import UNLIMITED
from sendopt.deliver.best_time_left import best_time_left
from sendopt.deliver.retry import RetryPolicy
from sendopt.deliver.standing import Standing
from sendopt.deliver.transitions import before_attempt
from sendopt.records import (
    DamagedSend,
    DueSend,
    MessageClass,
    Moved,
    SendId,
    SendingLimits,
    SendTransition,
    TenantId,
)
from sendopt.state import sending_limits
from sendopt.state.decided_slots import decided_slots
from sendopt.state.transaction import FleetWrite

#: A send, and what becomes of it; None = it is to be handed over now.
Judged = tuple[DueSend, SendTransition | None] | tuple[DamagedSend, None]


def judge(
    tx: FleetWrite, due: Sequence[DueSend], *, now: datetime, retry: RetryPolicy
) -> list[Judged]:
    """Return what becomes of each send, in their order.

    Of sends to one user the first ones go, as many as limits over campaigns allow, and the others
    are moved around them.
    """
    counted = {send.tenant_id for send in due if send.message_class is MessageClass.MARKETING}
    in_force = sending_limits.in_force(tx, sorted(counted))
    due = [_under_law(send, in_force.get(send.tenant_id)) for send in due]
    alone = [before_attempt(send, now=now, retry=retry) for send in due]
    may_go = [
        send
        for send, transition in zip(due, alone, strict=True)
        if transition is None or isinstance(transition, Moved)
    ]
    standing = Standing(tx, may_go, in_force, now=now)
    moved = {_key(send) for send, each in zip(due, alone, strict=True) if isinstance(each, Moved)}
    movable = [_key(send) for send in may_go if _key(send) in moved or standing.may_bind(send)]
    slots = decided_slots(tx, movable)
    found: list[Judged] = []
    for send, transition in zip(due, alone, strict=True):
        if transition is not None and not isinstance(transition, Moved):
            found.append((send, transition))
        elif damage := standing.damage_of(send):
            found.append((DamagedSend(send.tenant_id, send.send_id, damage), None))
        else:
            frequency = standing.frequency(send)
            judged: SendTransition | None = transition
            if frequency is not UNLIMITED:
                judged = before_attempt(send, now=now, retry=retry, frequency=frequency)
            if isinstance(judged, Moved):
                theirs, from_now_on = slots.get(_key(send), ()), max(now, send.due_at)
                at = best_time_left(send, theirs, from_now_on, frequency)
                judged = replace(judged, until=at)
            standing.count(send, judged, now=now)
            found.append((send, judged))
    return found


def _under_law(send: DueSend, limits: SendingLimits | str | None) -> DueSend:
    """Tell a send whether the hours of the law hold for it; unreadable limits stop it anyway."""
    says_so = isinstance(limits, SendingLimits) and limits.legal_hours
    return replace(send, is_under_law=True) if says_so else send


def _key(send: DueSend) -> tuple[TenantId, SendId]:
    return send.tenant_id, send.send_id
