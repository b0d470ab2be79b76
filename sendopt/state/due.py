"""Find the sends whose time has come, with all that their hand-over needs.

While a send is claimed its `ready_at` is the end of the lease: one index tells both what is due
and whose claim was abandoned.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache
from typing import Any

import sqlalchemy as sa

from sendopt.records import (
    Arm,
    CampaignId,
    Channel,
    Device,
    DeviceId,
    QuietHours,
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
    campaign,
    decision,
    device,
    link,
    planned_send,
    variant,
)


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
    variant: Variant | None  # None, like `timezone`, only if the store lost it, or the campaign
    device: Device | None
    device_dead: bool
    opted_out: bool
    cancelled: bool  # with its whole campaign
    timezone: str | None
    quiet_hours: QuietHours | None
    message_type: str | None
    propensity: float | None
    link_id: str | None  # of an earlier attempt: a retry leads to the same link
    arm: Arm | None = None  # of the experiment that the send is part of
    variant_propensity: float | None = None  # P(this variant | this time)
    quiet_offsets: tuple[int, ...] = ()  # minutes east of UTC at which it may be night, too


@dataclass(frozen=True, slots=True)
class _CampaignFacts:
    message_type: str | None
    quiet_hours: QuietHours | None
    cancelled: bool


_LOST_CAMPAIGN = _CampaignFacts(message_type=None, quiet_hours=None, cancelled=False)


def lock_due(
    tx: Transaction, *, channels: Collection[Channel], now: datetime, limit: int
) -> list[DueSend]:
    """Return up to `limit` sends of `channels` that are due or abandoned, earliest first.

    Sends of other channels are returned only once they have expired: their end must be written by
    somebody. The rows are locked until `tx` ends; on PostgreSQL rows that another dispatcher has
    locked are passed over, on SQLite there is one writer at a time.
    """
    rows: list[sa.Row[Any]] = []
    for state in (SendState.CLAIMED, SendState.PLANNED):
        if len(rows) < limit:
            due = _due(state, frozenset(channels))
            rows += tx.execute(due, {"now": now, "most": limit - len(rows)})
    campaigns = _campaign_facts(tx, {(row.tenant_id, row.campaign_id) for row in rows})
    return [_due_send(row, campaigns.get((row.tenant_id, row.campaign_id))) for row in rows]


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


@cache  # to build it takes longer than to execute it
def _due(state: SendState, channels: frozenset[Channel]) -> sa.Select[Any]:
    send = planned_send.c
    now = sa.bindparam("now", type_=send.ready_at.type)
    # First the rows, then what belongs to them: joined at once, PostgreSQL would rather sort
    # everything that is due than follow the index to the first few.
    due = (
        sa.select(planned_send)
        .where(
            send.state == state,
            send.ready_at <= now,
            sa.or_(send.channel.in_(sorted(channels)), send.expires_at <= now),
        )
        .order_by(send.ready_at)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    return (
        sa.select(
            due,
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
            decision.c.variant_propensity,
            decision.c.quiet_offsets,
            link.c.link_id,
        )
        .select_from(
            due.outerjoin(variant, _same(due, variant, "campaign_id", "variant_id"))
            .outerjoin(device, _same(due, device, "device_id"))
            .outerjoin(app_user, _same(due, app_user, "user_id"))
            .outerjoin(decision, _same(due, decision, "send_id"))
            .outerjoin(link, _same(due, link, "send_id"))
        )
        .order_by(due.c.ready_at)
    )


def _same(due: sa.CTE, table: sa.Table, *columns: str) -> sa.ColumnElement[bool]:
    """Join `table` to the due send within its tenant."""
    return sa.and_(*(table.c[column] == due.c[column] for column in ("tenant_id", *columns)))


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


def _due_send(row: Any, campaign_facts: _CampaignFacts | None) -> DueSend:
    channel = Channel(row.channel)
    facts = campaign_facts or _LOST_CAMPAIGN
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
        variant=None  # nobody is sent to within limits that nobody knows any more
        if row.content_id is None or campaign_facts is None
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
        arm=None if row.arm is None else Arm(row.arm),
        variant_propensity=row.variant_propensity,
        quiet_offsets=tuple(row.quiet_offsets or ()),
    )
