"""Claim due sends for a dispatcher and write down what became of them.

Whoever claims a send raises its fence; whoever writes its transition must still hold that
fence, so that a dispatcher that slept through its lease changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from sendopt.records import (
    Accepted,
    Attempt,
    Channel,
    DamagedSend,
    DeadAddress,
    DueSend,
    Ended,
    EndReason,
    Moved,
    Outcome,
    Permanent,
    Postponed,
    Receipt,
    Retry,
    SendId,
    SendState,
    SendTransition,
    TenantId,
)
from sendopt.state.tables import attempt, link, planned_send
from sendopt.state.transaction import FleetWrite

#: How what came of an attempt is stored.
OUTCOMES = {
    Accepted: "accepted",
    Retry: "retry",
    DeadAddress: "dead_address",
    Permanent: "permanent",
}


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims sends, and what the rows of a claim need to say."""

    owner: str
    providers: Mapping[Channel, str]
    new_link_id: Callable[[], str]


def claim(
    tx: FleetWrite,
    sends: Sequence[DueSend],
    by: Claimant,
    *,
    now: datetime,
    lease_ends_at: datetime,
) -> list[Attempt | DamagedSend]:
    """Claim locked `sends` and begin one attempt of each, before any provider is called.

    A crash after the commit therefore leaves an attempt without an end: outcome unknown. A send
    whose variant leads somewhere gets its link with its first attempt. One whose attempts in the
    store contradict their count comes back as damaged; the others are claimed.
    """
    if not sends:
        return []
    try:
        with tx.begin_nested():
            return [*_claim(tx, sends, by, now=now, lease_ends_at=lease_ends_at)]
    except _CONTRADICTIONS as error:
        if len(sends) == 1:
            what = f"attempt_count: {type(error).__name__} when its next attempt began"
            return [DamagedSend(sends[0].tenant_id, sends[0].send_id, what)]
    return [
        begun
        for send in sends
        for begun in claim(tx, [send], by, now=now, lease_ends_at=lease_ends_at)
    ]


#: The row that an attempt, a link or a claim would make is there already, or is none.
_CONTRADICTIONS = (sa.exc.IntegrityError, sa.exc.DataError, OverflowError)


def _claim(
    tx: FleetWrite,
    sends: Sequence[DueSend],
    by: Claimant,
    *,
    now: datetime,
    lease_ends_at: datetime,
) -> list[Attempt]:
    tx.execute(
        sa.update(planned_send)
        .where(*_key(planned_send))
        .values(
            state=SendState.CLAIMED,
            claimed_by=by.owner,
            claim_expires_at=lease_ends_at,
            ready_at=lease_ends_at,
            fence=planned_send.c.fence + 1,
            attempt_count=planned_send.c.attempt_count + 1,
        ),
        [_key_of(send) for send in sends],
    )
    claimed = [
        replace(
            send,
            fence=send.fence + 1,
            attempt_count=send.attempt_count + 1,
            link_id=send.link_id or (by.new_link_id() if _destination(send) else None),
        )
        for send in sends
    ]
    _add_links(
        tx,
        [
            after
            for before, after in zip(sends, claimed, strict=True)
            if before.link_id is None and after.link_id is not None
        ],
        created_at=now,
    )
    begun = [Attempt(send, by.providers[send.channel], now) for send in claimed]
    tx.execute(
        sa.insert(attempt),
        [
            {
                "tenant_id": each.send.tenant_id,
                "send_id": each.send.send_id,
                "number": each.send.attempt_count,
                "provider": each.provider,
                "device_id": None if each.send.device is None else each.send.device.device_id,
                "started_at": each.started_at,
            }
            for each in begun
        ],
    )
    return begun


def end_attempts(tx: FleetWrite, receipts: Sequence[Receipt], *, now: datetime) -> None:
    """Write what came of each attempt."""
    if not receipts:
        return
    tx.execute(
        sa.update(attempt)
        .where(*_key(attempt), attempt.c.number == sa.bindparam("key_number"))
        .values(
            finished_at=now,
            outcome=sa.bindparam("new_outcome"),
            reason=sa.bindparam("new_reason"),
        ),
        [
            {
                **_key_of(receipt.attempt.send),
                "key_number": receipt.attempt.send.attempt_count,
                "new_outcome": OUTCOMES[type(receipt.outcome)],
                "new_reason": _reason(receipt.outcome),
            }
            for receipt in receipts
        ],
    )


def settle(
    tx: FleetWrite, transitions: Sequence[tuple[DueSend, SendTransition]]
) -> list[tuple[DueSend, SendTransition]]:
    """Write each send's transition and return those that could be written.

    A send that meanwhile ended, or that another dispatcher has claimed, is left as it is. With one
    exception: that a provider has accepted it is a fact, whoever holds the claim by now.
    """
    open_fences = _open_fences(tx, [send for send, _ in transitions])
    kept = [
        (send, transition)
        for send, transition in transitions
        if (fence := open_fences.get((send.tenant_id, send.send_id))) is not None
        and (fence == send.fence or _is_delivered(transition))
    ]
    if kept:
        tx.execute(
            sa.update(planned_send)
            .where(*_key(planned_send))
            .values(
                state=sa.bindparam("new_state"),
                reason=sa.bindparam("new_reason"),
                ready_at=sa.bindparam("new_ready_at"),
                handed_over_at=sa.bindparam("new_handed_over_at"),
                handed_over_to=sa.bindparam("new_handed_over_to"),
                claimed_by=None,
                claim_expires_at=None,
            ),
            [{**_key_of(send), **_columns(send, transition)} for send, transition in kept],
        )
    return kept


def end_leases(
    tx: FleetWrite, claims: Iterable[tuple[TenantId, SendId, int]], *, now: datetime
) -> None:
    """Let claims that still bear these fences count as abandoned from now on."""
    for tenant_id, send_id, fence in claims:
        tx.execute(
            sa.update(planned_send)
            .where(
                planned_send.c.tenant_id == tenant_id,
                planned_send.c.send_id == send_id,
                planned_send.c.fence == fence,
                planned_send.c.state == SendState.CLAIMED,
            )
            .values(ready_at=now, claim_expires_at=now)
        )


def end_damaged(tx: FleetWrite, sends: Sequence[DamagedSend]) -> None:
    """End locked `sends` as failed: nobody could tell what to send, or to whom, or when."""
    if sends:
        tx.execute(
            sa.update(planned_send)
            .where(*_key(planned_send))
            .values(
                state=SendState.FAILED,
                reason=EndReason.RECORD_DAMAGED,
                ready_at=None,
                claimed_by=None,
                claim_expires_at=None,
            ),
            [_key_of(send) for send in sends],
        )


def _add_links(tx: FleetWrite, sends: Sequence[DueSend], *, created_at: datetime) -> None:
    if not sends:
        return
    tx.execute(
        sa.insert(link),
        [
            {
                "tenant_id": send.tenant_id,
                "link_id": send.link_id,
                "send_id": send.send_id,
                "destination": _destination(send),
                "created_at": created_at,
            }
            for send in sends
        ],
    )


def _open_fences(tx: FleetWrite, sends: Iterable[DueSend]) -> dict[tuple[TenantId, SendId], int]:
    """Lock those of `sends` that have not ended, in one order for all; return their fences."""
    fences: dict[tuple[TenantId, SendId], int] = {}
    by_tenant = attrgetter("tenant_id")
    for tenant_id, group in groupby(sorted(sends, key=by_tenant), key=by_tenant):
        rows = tx.execute(
            sa.select(planned_send.c.send_id, planned_send.c.fence)
            .where(
                planned_send.c.tenant_id == tenant_id,
                planned_send.c.send_id.in_([send.send_id for send in group]),
                planned_send.c.state.in_([SendState.PLANNED, SendState.CLAIMED]),
            )
            .order_by(planned_send.c.send_id)
            .with_for_update()
        )
        fences |= {(tenant_id, row.send_id): row.fence for row in rows}
    return fences


def _is_delivered(transition: SendTransition) -> bool:
    return isinstance(transition, Ended) and transition.state is SendState.DELIVERED


def _columns(send: DueSend, transition: SendTransition) -> dict[str, Any]:
    if isinstance(transition, Postponed | Moved):
        return {
            "new_state": SendState.PLANNED,
            "new_reason": None,
            "new_ready_at": transition.until,
            "new_handed_over_at": None,
            "new_handed_over_to": None,
        }
    reached = None if transition.handed_over_at is None else send.device
    return {
        "new_state": transition.state,
        "new_reason": transition.reason,
        "new_ready_at": None,
        "new_handed_over_at": transition.handed_over_at,
        "new_handed_over_to": None if reached is None else reached.device_id,
    }


def _reason(outcome: Outcome) -> str | None:
    return None if isinstance(outcome, Accepted) else outcome.reason


def _destination(send: DueSend) -> str | None:
    return None if send.variant is None else send.variant.url


def _key(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        table.c.tenant_id == sa.bindparam("key_tenant"),
        table.c.send_id == sa.bindparam("key_send"),
    )


def _key_of(send: DueSend | DamagedSend) -> dict[str, Any]:
    return {"key_tenant": send.tenant_id, "key_send": send.send_id}
