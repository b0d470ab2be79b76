"""How much falls due when, of all of a tenant's campaigns: what capacities have to bear already."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.records import CampaignId, Channel, SendState
from sendopt.state.instant import Instant
from sendopt.state.tables import planned_send
from sendopt.state.transaction import TenantRead

_US_A_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class DueCount:
    """How many sends of a channel fall due in one minute."""

    channel: Channel
    minute: int  # since 1970
    count: int


def due_counts(
    tx: TenantRead,
    *,
    since: datetime,
    until: datetime,
    besides: Collection[CampaignId] = (),
) -> list[DueCount]:
    """Count what is planned or claimed and looked at next in [since, until), of every class.

    All of the minute that `since` lies in is counted. Leaves out the campaigns `besides`, which are
    about to be planned anew.
    """
    since = since.replace(second=0, microsecond=0)
    send = planned_send.c
    minute = sa.type_coerce(send.ready_at, sa.BigInteger) // _US_A_MINUTE
    rows = tx.execute(
        sa.select(send.channel, minute, sa.func.count())
        .where(
            tx.owns(planned_send),
            send.state.in_([SendState.PLANNED, SendState.CLAIMED]),
            send.campaign_id.not_in(besides),
            sa.literal(since, Instant) <= send.ready_at,
            sa.literal(until, Instant) > send.ready_at,
        )
        .group_by(send.channel, minute)
        .order_by(send.channel, minute)
    )
    return [DueCount(Channel(channel), int(at), count) for channel, at, count in rows]
