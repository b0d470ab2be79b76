"""Links, clicks and responses: what came back for a send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.records import (
    CampaignId,
    Click,
    Response,
    ResponseKind,
    SendId,
    TenantId,
    UserId,
    VariantId,
)
from sendopt.state.tables import click, link, planned_send, response
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite


@dataclass(frozen=True, slots=True)
class Link:
    """Where a signed link leads, and whose send it belongs to."""

    tenant_id: TenantId
    link_id: str
    send_id: SendId
    destination: str


@dataclass(frozen=True, slots=True)
class AnsweredSend:
    """A send as its answers see it."""

    user_id: UserId
    campaign_id: CampaignId
    variant_id: VariantId
    channel: str
    handed_over_at: datetime | None  # None = no provider has accepted it, as far as we know


def find_link(tx: FleetRead, link_id: str) -> Link | None:
    """Return a link by its id, which is random and signed, and from which the tenant follows."""
    row = tx.execute(
        sa.select(link.c.tenant_id, link.c.link_id, link.c.send_id, link.c.destination).where(
            link.c.link_id == link_id
        )
    ).one_or_none()
    return None if row is None else Link(*row)


def lock_send(tx: TenantWrite, send_id: SendId) -> AnsweredSend | None:
    """Return a send and keep it to this transaction: its answers are recorded one by one."""
    send = planned_send.c
    row = tx.execute(
        sa.select(
            send.user_id, send.campaign_id, send.variant_id, send.channel, send.handed_over_at
        )
        .where(tx.owns(planned_send), send.send_id == send_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    return None if row is None else AnsweredSend(*row)


def counted_click_at(tx: TenantRead, send_id: SendId) -> datetime | None:
    """Return when the one click that is billed for this send happened; None = not yet."""
    return tx.execute(
        sa.select(click.c.occurred_at).where(
            tx.owns(click),
            click.c.send_id == send_id,
            click.c.filtered_reason.is_(None),
        )
    ).scalar_one_or_none()


def add_click(tx: TenantWrite, clicked: Click) -> None:
    """Keep one request for a link. The database refuses a second billable one for a send."""
    tx.execute(
        sa.insert(click).values(
            tenant_id=tx.tenant_id,
            click_id=clicked.click_id,
            send_id=clicked.send_id,
            link_id=clicked.link_id,
            occurred_at=clicked.occurred_at,
            user_agent=clicked.user_agent,
            filtered_reason=clicked.filtered_reason,
        )
    )


def find_response(
    tx: TenantRead, send_id: SendId, kind: ResponseKind
) -> tuple[Response, str | None] | None:
    """Return the response of this kind and why it does not count (None = it does), if any."""
    row = tx.execute(
        sa.select(response.c.occurred_at, response.c.filtered_reason).where(
            tx.owns(response),
            response.c.send_id == send_id,
            response.c.kind == kind,
        )
    ).one_or_none()
    return None if row is None else (Response(send_id, kind, row.occurred_at), row.filtered_reason)


def add_response(tx: TenantWrite, answer: Response, *, filtered_reason: str | None) -> None:
    """Keep the first response of its kind. The database refuses a second."""
    tx.execute(
        sa.insert(response).values(
            tenant_id=tx.tenant_id,
            send_id=answer.send_id,
            kind=answer.kind,
            occurred_at=answer.occurred_at,
            filtered_reason=filtered_reason,
        )
    )
