"""How far campaigns have come, from what is stored of them and of their sends."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from sendopt.records import CampaignPhase
from sendopt.state.instant import Instant
from sendopt.state.tables import IS_UNFINISHED, planned_send
from sendopt.state.tables_campaigns import campaign, campaign_revision


def phase_at(now: datetime) -> sa.ColumnElement[str]:
    """Return the phase of the campaign in a row of `campaign`.

    One that is paused ends all the same, once its window is over and the last send has expired.
    """
    latest_at = (
        sa.select(campaign_revision.c.latest_at)
        .where(
            same_campaign(campaign_revision), campaign_revision.c.revision == campaign.c.revision
        )
        .scalar_subquery()
    )
    is_at_work = sa.exists().where(same_campaign(planned_send), IS_UNFINISHED)
    return sa.case(
        (campaign.c.cancelled_at.is_not(None), CampaignPhase.CANCELLED),
        (campaign.c.committed_at.is_(None), CampaignPhase.DRAFT),
        (sa.and_(latest_at <= sa.literal(now, Instant), ~is_at_work), CampaignPhase.ENDED),
        (campaign.c.paused_at.is_not(None), CampaignPhase.PAUSED),
        else_=CampaignPhase.COMMITTED,
    )


def is_in(phase: CampaignPhase, now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a campaign is in a phase, without looking further than it must."""
    is_cancelled, is_draft = campaign.c.cancelled_at.is_not(None), campaign.c.committed_at.is_(None)
    if phase is CampaignPhase.CANCELLED:
        return is_cancelled
    if phase is CampaignPhase.DRAFT:
        return sa.and_(~is_cancelled, is_draft)
    return sa.and_(~is_cancelled, ~is_draft, phase_at(now) == phase)


def same_campaign(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `table` belongs to the campaign beside it."""
    return sa.and_(
        table.c.tenant_id == campaign.c.tenant_id, table.c.campaign_id == campaign.c.campaign_id
    )
