"""Sends that were asked for one at a time, each under a key that its caller gave it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.errors import Conflict, SendoptError
from sendopt.records import CampaignId, Decision, PlannedSend, SendId
from sendopt.state import decision_rows, plan_rows
from sendopt.state.campaigns import (
    CampaignLife,
    campaign_cancelled,
    campaign_changed,
    campaign_not_committed,
    campaign_unknown,
)
from sendopt.state.engine import insert
from sendopt.state.same_send import same_send
from sendopt.state.tables import decision, planned_send
from sendopt.state.tables_campaigns import send_request
from sendopt.state.transaction import TenantRead, TenantWrite
from sendopt.text import quoted


@dataclass(frozen=True, slots=True)
class RequestedSend:
    """A send that was asked for, with what was asked."""

    send: PlannedSend
    request: Any  # parsed JSON, as it was given


@dataclass(frozen=True, slots=True)
class NewSend:
    """A send that is asked for now, and was planned."""

    send: PlannedSend
    decision: Decision
    request: Any  # parsed JSON, as it was given
    revision: int  # of its campaign, by which it was planned


def known(tx: TenantRead, send_ids: Collection[SendId]) -> dict[SendId, RequestedSend]:
    """Return those of these sends that were asked for before."""
    rows = tx.execute(
        sa.select(planned_send, send_request.c.request)
        .join(send_request, same_send(send_request))
        .where(tx.owns(planned_send), planned_send.c.send_id.in_(send_ids))
    )
    return {SendId(row.send_id): RequestedSend(plan_rows.send(row), row.request) for row in rows}


def add(
    tx: TenantWrite, sends: Sequence[NewSend], *, asked_by: str, now: datetime
) -> frozenset[SendId]:
    """Write sends that were planned; return which are new, the others were asked for meanwhile.

    Of campaigns that `require_open` has let through, for users who were not erased.
    """
    fresh = frozenset[str](
        tx.scalars(
            insert(tx, planned_send)
            .on_conflict_do_nothing(index_elements=["tenant_id", "send_id"])
            .returning(planned_send.c.send_id),
            [plan_rows.send_row(each.send, revision=each.revision, now=now) for each in sends],
        )
    )
    written = [each for each in sends if each.send.send_id in fresh]
    if written:
        tx.execute(
            sa.insert(decision),
            [decision_rows.decision_row(tx.tenant_id, each.decision) for each in written],
        )
        tx.execute(
            sa.insert(send_request),
            [
                {
                    "tenant_id": tx.tenant_id,
                    "send_id": each.send.send_id,
                    "request": each.request,
                    "asked_by": asked_by,
                }
                for each in written
            ],
        )
    return frozenset(each.send.send_id for each in written)


def why_closed(
    campaign_id: CampaignId, life: CampaignLife | None, *, revision: int
) -> SendoptError | None:
    """Return why nothing is sent any more that was planned by a revision; None = it may be.

    Args:
        campaign_id: whose revision it is.
        life: of that campaign; None = it is not there.
        revision: by which it was planned.
    """
    if life is None:
        return campaign_unknown()
    if life.cancelled_at is not None:
        return campaign_cancelled(campaign_id)
    if life.is_draft:
        return campaign_not_committed(campaign_id)
    return None if life.revision == revision else campaign_changed(campaign_id)


def not_triggered(campaign_id: CampaignId) -> Conflict:
    """Return the refusal of a request for a send of a campaign that has an audience."""
    return Conflict(
        f"the campaign {quoted(campaign_id)} has an audience, to which it is sent as a whole",
        code="campaign_not_triggered",
        field="/campaign_id",
        expected='a campaign whose audience is "triggered"',
    )


def send_key_taken(send_key: str) -> Conflict:
    """Return the refusal of a key under which something else was asked for before."""
    return Conflict(
        f"under the key {quoted(send_key)} something else was asked for before",
        code="send_key_taken",
        field="/send_key",
        expected="the same request again, or a key that is new in the campaign",
    )
