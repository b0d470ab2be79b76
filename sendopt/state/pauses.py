"""Campaigns that are paused: nothing of them is handed over until they are resumed.

What is planned stays planned. A dispatcher that comes to such a send asks its campaign, and puts
it off to its expiry; what it has claimed before ends by itself. So a pause is one row, and no
search for what is due looks at it. Ends are written by dispatchers alone, by one set of rules: a
resume leaves put off to its expiry what expired meanwhile, which says why it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from sendopt.records import CampaignId, SendState
from sendopt.state.campaigns import is_campaign, require_committed
from sendopt.state.instant import Instant
from sendopt.state.plans import sends_of
from sendopt.state.tables import IS_UNFINISHED, planned_send
from sendopt.state.tables_campaigns import campaign
from sendopt.state.transaction import TenantWrite

#: By how much the clock of a dispatcher may be ahead of ours.
_CLOCKS_APART = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ResumeReport:
    """What became of the sends of a campaign that was resumed."""

    expired_count: int  # whose time ran out while it was paused: a dispatcher ends them
    overdue_count: int  # whose time came while it was paused: they go out now, where they may


def pause(tx: TenantWrite, campaign_id: CampaignId, *, now: datetime) -> bool:
    """Pause a campaign, and tell whether it was not paused before.

    Raises:
        NotFound: `campaign_unknown`.
        Conflict: `campaign_cancelled`, `campaign_not_committed`.
    """
    if require_committed(tx, campaign_id).paused_at is not None:
        return False
    tx.execute(sa.update(campaign).where(is_campaign(tx, campaign_id)).values(paused_at=now))
    return True


def resume(tx: TenantWrite, campaign_id: CampaignId, *, now: datetime) -> ResumeReport | None:
    """Let what is planned go out again: at its time, or now if that has come.

    What has expired meanwhile is ended by the next dispatcher. None = it was not paused.

    Raises:
        NotFound: `campaign_unknown`.
        Conflict: `campaign_cancelled`, `campaign_not_committed`.
    """
    paused_at = require_committed(tx, campaign_id).paused_at
    if paused_at is None:
        return None
    send = planned_send.c
    unfinished = sa.and_(sends_of(tx, campaign_id), IS_UNFINISHED)
    # A dispatcher may still be about to put one of them off: it is waited for, and found again.
    come = sa.literal(now + _CLOCKS_APART, Instant)
    overdue = sa.select(send.send_id).where(unfinished, send.due_at <= come)
    tx.execute(overdue.order_by(send.send_id).with_for_update()).all()
    planned = sa.and_(unfinished, send.state == SendState.PLANNED)
    at = sa.literal(now, Instant)
    expired = tx.execute(
        sa.update(planned_send)
        .where(planned, send.expires_at <= at, send.expires_at > sa.literal(paused_at, Instant))
        .values(ready_at=send.expires_at)
    ).rowcount
    # Nothing but a pause puts a send off as far as its expiry.
    overdue_count = tx.execute(
        sa.update(planned_send)
        .where(planned, send.expires_at > at, send.ready_at >= send.expires_at)
        .values(ready_at=send.due_at)
    ).rowcount
    tx.execute(sa.update(campaign).where(is_campaign(tx, campaign_id)).values(paused_at=None))
    return ResumeReport(expired_count=expired, overdue_count=overdue_count)
