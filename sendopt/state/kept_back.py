"""Messages of which chance decided whether they were sent: what sending does is told by these."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from sendopt.records import EndReason, UserId
from sendopt.state.campaign_phase import same_campaign
from sendopt.state.decision_rows import same_basis
from sendopt.state.instant import Instant
from sendopt.state.tables import planned_send
from sendopt.state.tables_campaigns import campaign, decision_basis
from sendopt.state.transaction import TenantRead


class DrawnMessage(NamedTuple):
    """A message, whether it was kept back or not."""

    user_id: UserId
    at: datetime  # when it was due, or would have come
    kept_back: bool
    send_propensity: float  # P(it is not kept back), in (0, 1)


def drawn_messages(
    tx: TenantRead, *, since: datetime | None, until: datetime
) -> list[DrawnMessage]:
    """Return the messages due in [since, until) of which chance decided, in no order.

    What became of those that were not kept back does not matter. Of a campaign that was cancelled
    only those count that were due before it was, whether kept back or not.

    Args:
        tx: of the tenant.
        since: None = from the first one on.
        until: exclusive.
    """
    send = planned_send.c
    due_at = sa.type_coerce(send.due_at, sa.BigInteger)
    asked = [
        tx.owns(planned_send),
        decision_basis.c.send_propensity.is_not(None),
        due_at < sa.literal(until, Instant),
        sa.or_(
            campaign.c.cancelled_at.is_(None),
            due_at < sa.type_coerce(campaign.c.cancelled_at, sa.BigInteger),
        ),
    ]
    if since is not None:
        asked.append(due_at >= sa.literal(since, Instant))
    rows = tx.execute(
        sa.select(
            send.user_id,
            send.due_at,
            sa.func.coalesce(send.reason == EndReason.KEPT_BACK, sa.false()),
            decision_basis.c.send_propensity,
        )
        .join_from(planned_send, decision_basis, same_basis())
        .join(campaign, same_campaign(planned_send))
        .where(*asked)
    )
    return [
        DrawnMessage(UserId(user_id), at, bool(kept), propensity)
        for user_id, at, kept, propensity in rows
    ]
