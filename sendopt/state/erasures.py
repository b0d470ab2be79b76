"""Erasures as jobs: asked for, taken further step by step, and forgotten but for a receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.errors import NotFound
from sendopt.records import (
    PSEUDONYM_PREFIX,
    EndReason,
    Erasure,
    ErasureReceipt,
    ErasureStep,
    SendState,
    TenantId,
    UserId,
)
from sendopt.state import erased, erasure_gate
from sendopt.state.hold import IS_HELD
from sendopt.state.instant import Instant
from sendopt.state.tables import app_user, device, planned_send
from sendopt.state.tables_erasure import erased_send, erasure
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite

_SECRET_BYTES, _ID_BYTES = 32, 16


@dataclass(frozen=True, slots=True)
class Begun:
    """An erasure that was asked for, now or before."""

    receipt: ErasureReceipt
    is_new: bool


def begin(
    tx: TenantWrite,
    user_id: UserId,
    *,
    asked_by: str,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> Begun:
    """Refuse the user from the end of `tx` on; asked for again it is the erasure of before.

    In a transaction of its own: while it goes on nobody else writes of the tenant's users. Then
    `cut_off`.
    """
    erasure_gate.shut(tx)  # whoever did not see the user refused has ended by now
    key = erased.key_of(erased.secret_of(tx, random_bytes(_SECRET_BYTES)), user_id)
    known = tx.execute(
        sa.select(erasure).where(
            tx.owns(erasure), erasure.c.user_key == key, erasure.c.readmitted_at.is_(None)
        )
    ).one_or_none()
    if known is not None:
        return Begun(_receipt(known), is_new=False)
    erasure_id = random_bytes(_ID_BYTES).hex()
    tx.execute(
        sa.insert(erasure).values(
            tenant_id=tx.tenant_id,
            erasure_id=erasure_id,
            user_key=key,
            asked_by=asked_by,
            asked_at=now,
            step=ErasureStep.ASKED,
            counts={},
            user_id=user_id,
            pseudonym=f"{PSEUDONYM_PREFIX}{random_bytes(_ID_BYTES).hex()}",
        )
    )
    return Begun(get(tx, erasure_id), is_new=True)


def cut_off(tx: TenantWrite, erasure_id: str, user_id: UserId, *, now: datetime) -> ErasureReceipt:
    """Call off what is planned for a user who is refused, and forget where messages could go.

    What is being handed over at this moment ends by itself, and what waits for it is told by
    `claimed_users`.
    """
    called_off = call_off(tx, [user_id], now=now)
    devices = sa.delete(device).where(tx.owns(device), device.c.user_id == user_id)
    counts = {"sends_cancelled": called_off, "devices_deleted": tx.execute(devices).rowcount}
    tx.execute(
        sa.update(app_user)
        .where(tx.owns(app_user), app_user.c.user_id == user_id)
        .values(timezone=None)
    )
    add_counts(tx, erasure_id, counts)
    return get(tx, erasure_id)


def call_off(tx: TenantWrite, user_ids: Sequence[UserId], *, now: datetime) -> int:
    """Cancel what no dispatcher has in hand, and what one has let go of; return how many it was."""
    send = planned_send.c
    let_go = sa.and_(
        send.state == SendState.CLAIMED,
        sa.or_(IS_HELD, send.claim_expires_at <= sa.literal(now, Instant)),
    )
    return tx.execute(
        sa.update(planned_send)
        .where(
            tx.owns(planned_send),
            send.user_id.in_(user_ids),
            sa.or_(send.state == SendState.PLANNED, let_go),
        )
        .values(
            state=SendState.CANCELLED,
            reason=EndReason.USER_ERASED,
            ready_at=None,
            claimed_by=None,
            claim_expires_at=None,
        )
    ).rowcount


def claimed_users(tx: TenantRead, user_ids: Sequence[UserId]) -> frozenset[UserId]:
    """Return those of these users to whom a message is being handed over at this moment."""
    rows = tx.scalars(
        sa.select(planned_send.c.user_id).where(
            tx.owns(planned_send),
            planned_send.c.user_id.in_(user_ids),
            planned_send.c.state == SendState.CLAIMED,
        )
    )
    return frozenset(map(UserId, rows))


def under_way(tx: FleetRead, step: ErasureStep) -> list[Erasure]:
    """Return the erasures of all tenants of which `step` was done last, the oldest first."""
    rows = tx.execute(
        sa.select(erasure)
        .where(erasure.c.done_at.is_(None), erasure.c.step == step)
        .order_by(erasure.c.asked_at, erasure.c.tenant_id, erasure.c.erasure_id)
    )
    return [
        Erasure(_receipt(row), UserId(row.user_id or ""), UserId(row.pseudonym or ""))
        for row in rows
    ]


def are_any_left(tx: FleetRead) -> bool:
    """Tell whether an erasure of any tenant is not done yet."""
    return bool(tx.scalar(sa.select(sa.exists().where(erasure.c.done_at.is_(None)))))


def is_any_under_way(tx: TenantRead) -> bool:
    """Tell whether state and log of the tenant may speak of a user in two ways at this moment."""
    waits = sa.exists().where(
        tx.owns(erasure),
        erasure.c.done_at.is_(None),
        erasure.c.step.in_([ErasureStep.ASKED, ErasureStep.STATE]),
    )
    return bool(tx.scalar(sa.select(waits)))


def note(tx: TenantWrite, erasure_id: str, step: ErasureStep) -> None:
    """Note that a step was done."""
    tx.execute(
        sa.update(erasure)
        .where(tx.owns(erasure), erasure.c.erasure_id == erasure_id)
        .values(step=step)
    )


def add_counts(tx: TenantWrite, erasure_id: str, counts: Mapping[str, int]) -> None:
    """Note what a part of an erasure came to, beside all that is noted."""
    of_erasure = sa.and_(tx.owns(erasure), erasure.c.erasure_id == erasure_id)
    stored = sa.select(erasure.c.counts).where(of_erasure).with_for_update()
    before = Counter[str](tx.scalar(stored))
    before.update(counts)
    tx.execute(sa.update(erasure).where(of_erasure).values(counts=dict(+before)))


def note_most(tx: TenantWrite, erasure_id: str, counts: Mapping[str, int]) -> None:
    """Note what a part of an erasure found, which after its work finds nothing any more."""
    of_erasure = sa.and_(tx.owns(erasure), erasure.c.erasure_id == erasure_id)
    stored = sa.select(erasure.c.counts).where(of_erasure).with_for_update()
    before = Counter[str](tx.scalar(stored))
    tx.execute(sa.update(erasure).where(of_erasure).values(counts=dict(before | Counter(counts))))


def forget(tx: TenantWrite, erasure_id: str) -> None:
    """Forget whom an erasure was about, and what their sends were called."""
    tx.execute(
        sa.delete(erased_send).where(tx.owns(erased_send), erased_send.c.erasure_id == erasure_id)
    )
    tx.execute(
        sa.update(erasure)
        .where(tx.owns(erasure), erasure.c.erasure_id == erasure_id)
        .values(user_id=None, pseudonym=None, step=ErasureStep.FORGOTTEN)
    )


def finish(tx: TenantWrite, erasure_id: str, *, now: datetime) -> None:
    """Note that nothing is left to be done."""
    tx.execute(
        sa.update(erasure)
        .where(tx.owns(erasure), erasure.c.erasure_id == erasure_id)
        .values(step=ErasureStep.DONE, done_at=now)
    )


def get(tx: TenantRead, erasure_id: str) -> ErasureReceipt:
    """Return the receipt of an erasure, finished or not.

    Raises:
        NotFound: `erasure_unknown`.
    """
    row = tx.execute(
        sa.select(erasure).where(tx.owns(erasure), erasure.c.erasure_id == erasure_id)
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such erasure", code="erasure_unknown", field="erasure_id")
    return _receipt(row)


def _receipt(row: sa.Row[Any]) -> ErasureReceipt:
    return ErasureReceipt(
        tenant_id=TenantId(row.tenant_id),
        erasure_id=row.erasure_id,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        step=ErasureStep(row.step),
        done_at=row.done_at,
        counts=row.counts,
        readmitted_at=row.readmitted_at,
    )
