"""A tenant's campaigns, the newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from sendopt.records import CampaignId
from sendopt.state.instant import Instant
from sendopt.state.pages import Page, read_page
from sendopt.state.tables_campaigns import campaign
from sendopt.state.transaction import TenantRead


class CampaignPhase(StrEnum):
    """How far a campaign has come."""

    STORED = "stored"  # not committed: nothing of it goes out
    COMMITTED = "committed"
    CANCELLED = "cancelled"


class CampaignKey(NamedTuple):
    """The place of a campaign in the list."""

    created_at: datetime
    campaign_id: str


@dataclass(frozen=True, slots=True)
class ListedCampaign:
    """A campaign without its definition and its counts."""

    campaign_id: CampaignId
    phase: CampaignPhase
    created_at: datetime
    committed_at: datetime | None
    cancelled_at: datetime | None


def page(
    tx: TenantRead, *, phase: CampaignPhase | None, behind: CampaignKey | None, limit: int
) -> Page[ListedCampaign]:
    """Return up to `limit` campaigns behind a place; None = from the newest on."""
    columns = campaign.c
    conditions = [tx.owns(campaign)]
    if phase is not None:
        conditions.append(_is_in(phase))
    if behind is not None:
        created_at = sa.literal(behind.created_at, Instant)
        conditions.append(
            sa.or_(
                columns.created_at < created_at,
                sa.and_(columns.created_at == created_at, columns.campaign_id > behind.campaign_id),
            )
        )
    query = (
        sa.select(
            columns.campaign_id, columns.created_at, columns.committed_at, columns.cancelled_at
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


def phase_of(committed_at: datetime | None, cancelled_at: datetime | None) -> CampaignPhase:
    """Return how far a campaign has come that was committed and cancelled then, if it was."""
    if cancelled_at is not None:
        return CampaignPhase.CANCELLED
    return CampaignPhase.STORED if committed_at is None else CampaignPhase.COMMITTED


def _is_in(phase: CampaignPhase) -> sa.ColumnElement[bool]:
    cancelled = campaign.c.cancelled_at.is_not(None)
    committed = campaign.c.committed_at.is_not(None)
    match phase:
        case CampaignPhase.CANCELLED:
            return cancelled
        case CampaignPhase.COMMITTED:
            return sa.and_(~cancelled, committed)
        case CampaignPhase.STORED:
            return sa.and_(~cancelled, ~committed)


def _listed(row: sa.Row[Any]) -> ListedCampaign:
    return ListedCampaign(
        campaign_id=CampaignId(row.campaign_id),
        phase=phase_of(row.committed_at, row.cancelled_at),
        created_at=row.created_at,
        committed_at=row.committed_at,
        cancelled_at=row.cancelled_at,
    )
