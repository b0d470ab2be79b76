"""What became of the sends of users in an experiment: read only, one row a campaign and user."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sendopt.records import Arm, CampaignId, EventType, ResponseKind, TenantId, UserId
from sendopt.state.engine import Transaction
from sendopt.state.tables import app_user, campaign, click, planned_send, response

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ExperimentCampaign:
    """A campaign with users in an arm, as it was defined."""

    campaign_id: CampaignId
    definition: Any  # parsed JSON; read it with the `now` of `created_at`
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ArmedSend:
    """One user's send of one campaign; a suppressed one was never answered."""

    campaign_id: CampaignId
    user_id: UserId
    arm: Arm
    answered: bool
    dismissed: bool
    opted_out: bool  # the user left within the window after this send


@dataclass(frozen=True, slots=True)
class PastAnswers:
    """How a user answered sends that were in no experiment."""

    user_id: UserId
    sends: int
    answered: int


def experiment_campaigns(
    tx: Transaction, tenant_id: TenantId, *, since: datetime | None
) -> list[ExperimentCampaign]:
    """Return the campaigns with a send in an arm that was planned from `since` on (None = ever)."""
    armed = sa.exists().where(
        planned_send.c.tenant_id == campaign.c.tenant_id,
        planned_send.c.campaign_id == campaign.c.campaign_id,
        *_in_an_arm(tenant_id, since),
    )
    rows = tx.execute(
        sa.select(campaign.c.campaign_id, campaign.c.definition, campaign.c.created_at)
        .where(campaign.c.tenant_id == tenant_id, armed)
        .order_by(campaign.c.created_at, campaign.c.campaign_id)
    )
    return [ExperimentCampaign(*row) for row in rows]


def armed_sends(
    tx: Transaction,
    tenant_id: TenantId,
    campaign_ids: Collection[CampaignId],
    *,
    outcome: EventType,
    window: timedelta,
    since: datetime | None,
) -> list[ArmedSend]:
    """Return every send of these campaigns that belongs to an arm, by campaign and user.

    An answer counts in [hand-over, hand-over + window), whatever it is billed as.
    """
    happened = _happened(outcome, window)
    dismissed = _responded(ResponseKind.DISMISSAL, window)
    left = sa.and_(app_user.c.opted_out_at.is_not(None), _within(app_user.c.opted_out_at, window))
    rows = tx.execute(
        sa.select(
            planned_send.c.campaign_id,
            planned_send.c.user_id,
            planned_send.c.arm,
            happened.label("answered"),
            dismissed.label("dismissed"),
            sa.func.coalesce(left, sa.false()).label("opted_out"),
        )
        .join(
            app_user,
            sa.and_(
                app_user.c.tenant_id == planned_send.c.tenant_id,
                app_user.c.user_id == planned_send.c.user_id,
            ),
            isouter=True,
        )
        .where(
            *_in_an_arm(tenant_id, since),
            planned_send.c.campaign_id.in_(campaign_ids),
        )
        .order_by(planned_send.c.campaign_id, planned_send.c.user_id)
    )
    return [
        ArmedSend(
            CampaignId(row.campaign_id),
            UserId(row.user_id),
            Arm(row.arm),
            bool(row.answered),
            bool(row.dismissed),
            bool(row.opted_out),
        )
        for row in rows
    ]


def past_answers(
    tx: Transaction, tenant_id: TenantId, *, outcome: EventType, window: timedelta
) -> list[PastAnswers]:
    """Return how users answered the sends that closed before the tenant's first experiment."""
    begun = (
        sa.select(sa.func.min(planned_send.c.planned_at))
        .where(*_in_an_arm(tenant_id, None))
        .scalar_subquery()
    )
    closed = _micros(planned_send.c.handed_over_at) + _length(window) <= _micros(begun)
    rows = tx.execute(
        sa.select(
            planned_send.c.user_id,
            sa.func.count(),
            sa.func.sum(sa.case((_happened(outcome, window), 1), else_=0)),
        )
        .where(planned_send.c.tenant_id == tenant_id, planned_send.c.arm.is_(None), closed)
        .group_by(planned_send.c.user_id)
        .order_by(planned_send.c.user_id)
    )
    return [PastAnswers(UserId(user), count, int(answered)) for user, count, answered in rows]


def _in_an_arm(tenant_id: TenantId, since: datetime | None) -> list[sa.ColumnElement[bool]]:
    found = [planned_send.c.tenant_id == tenant_id, planned_send.c.arm.is_not(None)]
    return found if since is None else [*found, planned_send.c.planned_at >= since]


def _happened(outcome: EventType, window: timedelta) -> sa.ColumnElement[bool]:
    if outcome is not EventType.CLICK:
        return _responded(ResponseKind(outcome), window)
    return sa.exists().where(
        click.c.tenant_id == planned_send.c.tenant_id,
        click.c.send_id == planned_send.c.send_id,
        click.c.filtered_reason.is_(None),
        _within(click.c.occurred_at, window),
    )


def _responded(kind: ResponseKind, window: timedelta) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        response.c.tenant_id == planned_send.c.tenant_id,
        response.c.send_id == planned_send.c.send_id,
        response.c.kind == kind,
        _within(response.c.occurred_at, window),
    )


def _within(at: sa.ColumnElement[Any], window: timedelta) -> sa.ColumnElement[bool]:
    """Tell whether `at` is in [hand-over, hand-over + window); null if nothing was handed over."""
    since = _micros(planned_send.c.handed_over_at)
    return sa.and_(_micros(at) >= since, _micros(at) < since + _length(window))


def _micros(at: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.type_coerce(at, sa.BigInteger)


def _length(window: timedelta) -> int:
    return window // _MICROSECOND
