"""Give due sends to dispatchers and write down what became of them.

One `DueSend` a row that somebody may work on. Whoever claims it raises its fence; whoever writes
its fate must still hold that fence, so that a dispatcher that slept through its lease changes
nothing. While a send is claimed its `ready_at` is the end of the lease: one index tells both what
is due and whose claim was abandoned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from sendopt.records import (
    Accepted,
    CampaignId,
    Channel,
    DeadAddress,
    Device,
    DeviceId,
    Outcome,
    Permanent,
    QuietHours,
    Retry,
    SendId,
    SendState,
    TenantId,
    UserId,
    Variant,
    VariantId,
)
from sendopt.state.engine import Transaction
from sendopt.state.tables import (
    app_user,
    attempt,
    campaign,
    decision,
    device,
    link,
    planned_send,
    variant,
)

_OUTCOMES = {
    Accepted: "accepted",
    Retry: "retry",
    DeadAddress: "dead_address",
    Permanent: "permanent",
}


@dataclass(frozen=True, slots=True)
class DueSend:
    """A send whose time has come, with all that its hand-over needs, as stored at that moment."""

    tenant_id: TenantId
    send_id: SendId
    campaign_id: CampaignId
    user_id: UserId
    channel: Channel
    due_at: datetime
    expires_at: datetime
    fence: int
    attempt_count: int  # begun, whether or not their outcome is known
    abandoned: bool  # its last dispatcher never told the outcome
    variant: Variant | None  # None, like `timezone`, only if the store lost it
    device: Device | None
    device_dead: bool
    opted_out: bool
    cancelled: bool  # with its whole campaign
    timezone: str | None
    quiet_hours: QuietHours | None
    message_type: str | None
    propensity: float | None
    link_id: str | None  # of an earlier attempt: a retry leads to the same link


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not now; look again at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """Over, in a final state, for one reason."""

    state: SendState
    reason: str


Fate = Postponed | Ended


@dataclass(frozen=True, slots=True)
class _CampaignFacts:
    message_type: str | None
    quiet_hours: QuietHours | None
    cancelled: bool


def lock_due(
    tx: Transaction, *, channels: Collection[Channel], now: datetime, limit: int
) -> list[DueSend]:
    """Return up to `limit` sends of `channels` that are due or abandoned, earliest first.

    Sends of other channels are returned only once they have expired: their end must be written by
    somebody. The rows are locked until `tx` ends; on PostgreSQL rows that another dispatcher has
    locked are passed over, on SQLite there is one writer at a time.
    """
    rows = list(tx.execute(_due(SendState.CLAIMED, channels, now, limit)))
    if len(rows) < limit:
        rows += tx.execute(_due(SendState.PLANNED, channels, now, limit - len(rows)))
    campaigns = _campaign_facts(tx, {(row.tenant_id, row.campaign_id) for row in rows})
    return [_due_send(row, campaigns[row.tenant_id, row.campaign_id]) for row in rows]


def claim(
    tx: Transaction,
    sends: Sequence[DueSend],
    *,
    owner: str,
    providers: Mapping[Channel, str],
    now: datetime,
    lease_ends_at: datetime,
    new_link_id: Callable[[], str],
) -> list[DueSend]:
    """Claim locked `sends` and begin one attempt of each, before any provider is called.

    A crash after the commit therefore leaves an attempt without an end: outcome unknown. A send
    whose variant leads somewhere gets its link with its first attempt.
    """
    if not sends:
        return []
    tx.execute(
        sa.update(planned_send)
        .where(*_key(planned_send))
        .values(
            state=SendState.CLAIMED,
            claimed_by=owner,
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
            link_id=send.link_id or (new_link_id() if _destination(send) else None),
        )
        for send in sends
    ]
    links = [
        {
            "tenant_id": after.tenant_id,
            "link_id": after.link_id,
            "send_id": after.send_id,
            "destination": _destination(after),
            "created_at": now,
        }
        for before, after in zip(sends, claimed, strict=True)
        if before.link_id is None and after.link_id is not None
    ]
    if links:
        tx.execute(sa.insert(link), links)
    tx.execute(
        sa.insert(attempt),
        [
            {
                "tenant_id": send.tenant_id,
                "send_id": send.send_id,
                "number": send.attempt_count,
                "provider": providers[send.channel],
                "started_at": now,
            }
            for send in claimed
        ],
    )
    return claimed


def end_attempts(
    tx: Transaction, outcomes: Sequence[tuple[DueSend, Outcome]], *, now: datetime
) -> None:
    """Write what the attempt of each claimed send came to."""
    if not outcomes:
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
                **_key_of(send),
                "key_number": send.attempt_count,
                "new_outcome": _OUTCOMES[type(outcome)],
                "new_reason": None if isinstance(outcome, Accepted) else outcome.reason,
            }
            for send, outcome in outcomes
        ],
    )


def settle(
    tx: Transaction, fates: Sequence[tuple[DueSend, Fate]], *, began_at: datetime
) -> list[tuple[DueSend, Fate]]:
    """Write each send's fate and return those that could be written.

    A send that meanwhile ended, or that another dispatcher has claimed, is left as it is. With one
    exception: that a provider has accepted it is a fact, whoever holds the claim by now.

    Args:
        tx: the transaction.
        fates: what is to be written.
        began_at: when the attempt began that led to these fates. It is the hand-over's instant: a
            user may answer before we have written that the provider accepted.
    """
    open_fences = _open_fences(tx, [send for send, _ in fates])
    kept = [
        (send, fate)
        for send, fate in fates
        if (fence := open_fences.get((send.tenant_id, send.send_id))) is not None
        and (fence == send.fence or _is_delivered(fate))
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
                claimed_by=None,
                claim_expires_at=None,
            ),
            [{**_key_of(send), **_columns(fate, began_at)} for send, fate in kept],
        )
    return kept


def next_ready_at(tx: Transaction, *, channels: Collection[Channel]) -> datetime | None:
    """Return when the next send of `channels` is due or abandoned; None = nothing is planned."""
    found = [
        tx.execute(
            sa.select(planned_send.c.ready_at)
            .where(planned_send.c.state == state, planned_send.c.channel.in_(channels))
            .order_by(planned_send.c.ready_at)
            .limit(1)
        ).scalar_one_or_none()
        for state in (SendState.PLANNED, SendState.CLAIMED)
    ]
    return min((ready_at for ready_at in found if ready_at is not None), default=None)


def _due(
    state: SendState, channels: Collection[Channel], now: datetime, limit: int
) -> sa.Select[Any]:
    send = planned_send.c
    return (
        sa.select(
            planned_send,
            variant.c.variant_id.label("content_id"),
            variant.c.title,
            variant.c.body,
            variant.c.url,
            device.c.address,
            device.c.platform,
            device.c.timezone.label("device_timezone"),
            device.c.dead_at,
            app_user.c.opted_out_at,
            decision.c.timezone,
            decision.c.propensity,
            link.c.link_id,
        )
        .select_from(
            planned_send.outerjoin(variant, _same(variant, "campaign_id", "variant_id"))
            .outerjoin(device, _same(device, "device_id"))
            .outerjoin(app_user, _same(app_user, "user_id"))
            .outerjoin(decision, _same(decision, "send_id"))
            .outerjoin(link, _same(link, "send_id"))
        )
        .where(
            send.state == state,
            send.ready_at <= now,
            sa.or_(send.channel.in_(channels), send.expires_at <= now),
        )
        .order_by(send.ready_at)
        .limit(limit)
        .with_for_update(of=planned_send, skip_locked=True)
    )


def _same(table: sa.Table, *columns: str) -> sa.ColumnElement[bool]:
    """Join `table` to the planned send within its tenant."""
    return sa.and_(
        *(table.c[column] == planned_send.c[column] for column in ("tenant_id", *columns))
    )


def _campaign_facts(
    tx: Transaction, keys: Collection[tuple[str, str]]
) -> dict[tuple[str, str], _CampaignFacts]:
    """Read what the hand-over needs of each campaign, without its possibly huge audience."""
    definition = campaign.c.definition
    rows = tx.execute(
        sa.select(
            campaign.c.tenant_id,
            campaign.c.campaign_id,
            campaign.c.cancelled_at,
            definition["message_type"].as_string().label("message_type"),
            definition["quiet_hours", "start"].as_string().label("quiet_start"),
            definition["quiet_hours", "end"].as_string().label("quiet_end"),
        ).where(sa.tuple_(campaign.c.tenant_id, campaign.c.campaign_id).in_(sorted(keys)))
    )
    return {
        (row.tenant_id, row.campaign_id): _CampaignFacts(
            message_type=row.message_type,
            quiet_hours=None
            if row.quiet_start is None
            else QuietHours(
                start=time.fromisoformat(row.quiet_start), end=time.fromisoformat(row.quiet_end)
            ),
            cancelled=row.cancelled_at is not None,
        )
        for row in rows
    }


def _due_send(row: Any, facts: _CampaignFacts) -> DueSend:
    channel = Channel(row.channel)
    return DueSend(
        tenant_id=TenantId(row.tenant_id),
        send_id=SendId(row.send_id),
        campaign_id=CampaignId(row.campaign_id),
        user_id=UserId(row.user_id),
        channel=channel,
        due_at=row.due_at,
        expires_at=row.expires_at,
        fence=row.fence,
        attempt_count=row.attempt_count,
        abandoned=row.state == SendState.CLAIMED,
        variant=None
        if row.content_id is None
        else Variant(VariantId(row.content_id), row.title, row.body, row.url),
        device=None
        if row.address is None
        else Device(
            device_id=DeviceId(row.device_id),
            user_id=UserId(row.user_id),
            channel=channel,
            address=row.address,
            platform=row.platform,
            timezone=row.device_timezone,
        ),
        device_dead=row.dead_at is not None,
        opted_out=row.opted_out_at is not None,
        cancelled=facts.cancelled,
        timezone=row.timezone,
        quiet_hours=facts.quiet_hours,
        message_type=facts.message_type,
        propensity=row.propensity,
        link_id=row.link_id,
    )


def _open_fences(tx: Transaction, sends: Iterable[DueSend]) -> dict[tuple[TenantId, SendId], int]:
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


def _is_delivered(fate: Fate) -> bool:
    return isinstance(fate, Ended) and fate.state is SendState.DELIVERED


def _columns(fate: Fate, began_at: datetime) -> dict[str, Any]:
    if isinstance(fate, Postponed):
        return {
            "new_state": SendState.PLANNED,
            "new_reason": None,
            "new_ready_at": fate.until,
            "new_handed_over_at": None,
        }
    return {
        "new_state": fate.state,
        "new_reason": fate.reason,
        "new_ready_at": None,
        "new_handed_over_at": began_at if _is_delivered(fate) else None,
    }


def _destination(send: DueSend) -> str | None:
    return None if send.variant is None else send.variant.url


def _key(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        table.c.tenant_id == sa.bindparam("key_tenant"),
        table.c.send_id == sa.bindparam("key_send"),
    )


def _key_of(send: DueSend) -> dict[str, Any]:
    return {"key_tenant": send.tenant_id, "key_send": send.send_id}
