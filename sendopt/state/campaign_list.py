"""A tenant's campaigns, the newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sendopt.records import CampaignId, CampaignPhase
from sendopt.state.campaign_phase import is_in, phase_at
from sendopt.state.instant import Instant
from sendopt.state.pages import Page, read_page
from sendopt.state.tables_campaigns import campaign
from sendopt.state.transaction import TenantRead


class CampaignKey(NamedTuple):
    """The place of a campaign in the list."""

    created_at: datetime
    campaign_id: str


@dataclass(frozen=True, slots=True)
class ListedCampaign:
    """A campaign without its definition and its counts."""

    campaign_id: CampaignId
    phase: CampaignPhase
    revision: int
    created_at: datetime
    committed_at: datetime | None
    paused_at: datetime | None
    cancelled_at: datetime | None


def page(
    tx: TenantRead,
    *,
    phase: CampaignPhase | None,
    behind: CampaignKey | None,
    limit: int,
    now: datetime,
) -> Page[ListedCampaign]:
    """Return up to `limit` campaigns behind a place; None = from the newest on."""
    columns = campaign.c
    conditions = [tx.owns(campaign)]
    if phase is not None:
        conditions.append(is_in(phase, now))
    if behind is not None:
        created_at = sa.literal(behind.created_at, Instant)
        conditions += [
            columns.created_at <= created_at,  # by itself, so that an index begins there
            sa.or_(columns.created_at < created_at, columns.campaign_id > behind.campaign_id),
        ]
    query = (
        sa.select(
            columns.campaign_id,
            columns.revision,
            columns.created_at,
            columns.committed_at,
            columns.paused_at,
            columns.cancelled_at,
            phase_at(now).label("phase"),
        )
        .where(*conditions)
        .order_by(columns.created_at.desc(), columns.campaign_id)
    )
    return read_page(
        tx,
        query,
        _listed,
        place=(columns.created_at, columns.campaign_id),
        named_by=columns.campaign_id,
        limit=limit,
    )


def _listed(row: sa.Row[Any]) -> ListedCampaign:
    return ListedCampaign(
        campaign_id=CampaignId(row.campaign_id),
        phase=CampaignPhase(row.phase),
        revision=row.revision,
        created_at=row.created_at,
        committed_at=row.committed_at,
        paused_at=row.paused_at,
        cancelled_at=row.cancelled_at,
    )
