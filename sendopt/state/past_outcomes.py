"""What a tenant's own sends taught so far: who was explored with, which wording was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from sendopt.records import (
    CampaignId,
    ResponseKind,
    SendState,
    UserId,
    Variant,
    VariantAnswers,
    VariantId,
)
from sendopt.state.campaign_phase import same_campaign
from sendopt.state.chunks import chunks
from sendopt.state.decision_rows import TIMEZONE, VARIANT_PROPENSITY, with_decisions
from sendopt.state.same_send import same_send
from sendopt.state.tables import click, decision, planned_send, response
from sendopt.state.tables_campaigns import campaign, campaign_revision, variant
from sendopt.state.transaction import TenantRead


def explored_by(
    tx: TenantRead, user_ids: Collection[UserId], *, since: datetime
) -> dict[UserId, int]:
    """As `explored_counts`, of these users and all campaigns."""
    send = planned_send.c
    theirs = (
        sa.select(send.user_id, sa.func.count())
        .select_from(planned_send.outerjoin(decision, same_send(decision)))
        .where(
            tx.owns(planned_send),
            send.due_at.is_not(None),
            send.planned_at >= since,
            send.state != SendState.CANCELLED,
            sa.or_(send.explored, decision.c.explored),
        )
        .group_by(send.user_id)
    )
    return {
        UserId(user_id): count
        for some in chunks(set(user_ids))
        for user_id, count in tx.execute(theirs.where(send.user_id.in_(some)))
    }


def explored_counts(tx: TenantRead, *, since: datetime, besides: CampaignId) -> dict[UserId, int]:
    """Count each user's sends planned since then that left the best slot; none = not there.

    Those of the campaign `besides` do not count: planning it again comes to the same plan. What
    was cancelled explored nothing.
    """
    send = planned_send.c
    # The few that explored first, by their indexes; joined, SQLite would rather read every send.
    earlier = sa.select(decision.c.send_id).where(tx.owns(decision), decision.c.explored)
    counts = Counter[UserId]()
    for explored in (send.explored, send.send_id.in_(earlier)):
        rows = tx.execute(
            sa.select(send.user_id, sa.func.count())
            .where(
                tx.owns(planned_send),
                explored,
                send.planned_at >= since,
                send.campaign_id != besides,
                send.state != SendState.CANCELLED,
            )
            .group_by(send.user_id)
        )
        counts.update({UserId(user_id): count for user_id, count in rows})
    return dict(counts)


def variant_answers(
    tx: TenantRead,
    variants: Sequence[Variant],
    *,
    message_type: str | None,
    since: datetime,
    handed_over_by: datetime,
) -> list[VariantAnswers]:
    """Add up how the wordings of `variants` were answered.

    A wording is the same in every campaign of the message type in which title, body and URL are.
    What was decided before chances were kept teaches nothing: it is left out.

    Args:
        tx: the transaction.
        variants: of the campaign that asks.
        message_type: of that campaign.
        since: only campaigns made from then on count.
        handed_over_by: only sends handed over by then: the answers to later ones are still coming.
    """
    known_as = {
        (CampaignId(row.campaign_id), row.revision, VariantId(row.variant_id)): asked.variant_id
        for asked in variants
        for row in tx.execute(_wordings(tx, asked, message_type=message_type, since=since))
    }
    if not known_as:
        return []
    send, chance, zone = planned_send.c, VARIANT_PROPENSITY, TIMEZONE.label("timezone")
    weight = 1.0 / chance
    rows = tx.execute(
        sa.select(
            send.campaign_id,
            send.revision,
            send.variant_id,
            send.due_at,
            zone,
            sa.func.sum(weight).label("weight"),
            sa.func.sum(weight * weight).label("squared_weight"),
            sa.func.sum(sa.case((_answered(), weight), else_=0.0)).label("answered_weight"),
        )
        .select_from(with_decisions())
        .where(
            tx.owns(planned_send),
            send.campaign_id.in_({campaign_id for campaign_id, *_ in known_as}),
            send.handed_over_at <= handed_over_by,
            chance.is_not(None),
            TIMEZONE.is_not(None),
        )
        .group_by(send.campaign_id, send.revision, send.variant_id, send.due_at, zone)
    )
    return [
        VariantAnswers(
            variant_id=known_as[row.campaign_id, row.revision, row.variant_id],
            due_at=row.due_at,
            timezone=row.timezone,
            weight=row.weight,
            squared_weight=row.squared_weight,
            answered_weight=row.answered_weight,
        )
        for row in rows
        if (row.campaign_id, row.revision, row.variant_id) in known_as
    ]


def _wordings(
    tx: TenantRead, asked: Variant, *, message_type: str | None, since: datetime
) -> sa.Select[tuple[str, int, str]]:
    """Find the revisions of a message type that use these words, and what they call them."""
    kind = campaign_revision.c.definition["message_type"].as_string()
    return (
        sa.select(variant.c.campaign_id, variant.c.revision, variant.c.variant_id)
        .join_from(campaign, campaign_revision, same_campaign(campaign_revision))
        .join(
            variant,
            sa.and_(same_campaign(variant), variant.c.revision == campaign_revision.c.revision),
        )
        .where(
            tx.owns(campaign),
            campaign.c.created_at >= since,
            kind.is_(None) if message_type is None else kind == message_type,
            variant.c.title == asked.title,
            variant.c.body == asked.body,
            variant.c.url.is_(None) if asked.url is None else variant.c.url == asked.url,
        )
    )


def _answered() -> sa.ColumnElement[bool]:
    """Whether an open, a response or a click of the send counts."""
    kinds = [ResponseKind.OPEN, ResponseKind.RESPONSE]
    return sa.or_(
        sa.exists().where(
            same_send(response), response.c.kind.in_(kinds), response.c.filtered_reason.is_(None)
        ),
        sa.exists().where(same_send(click), click.c.filtered_reason.is_(None)),
    )
