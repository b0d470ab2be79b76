"""What came of a campaign's sends, counted where they are stored.

A send counts once under each thing that happened to it. Answers count whatever they are billed as,
but for clicks: only the one of a send that passed the rules of counting.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from sendopt.clock import EARLIEST_AT, LATEST_AT
from sendopt.records import (
    Arm,
    CampaignId,
    Channel,
    CountedSends,
    ResponseKind,
    SendState,
    VariantId,
)
from sendopt.state.decision_rows import TIMEZONE, with_decisions
from sendopt.state.same_send import same_send
from sendopt.state.tables import click, planned_send, response
from sendopt.state.transaction import TenantRead

#: Kinds of answer, by the name of their count.
_ANSWERS = {
    "opened": ResponseKind.OPEN,
    "responded": ResponseKind.RESPONSE,
    "dismissed": ResponseKind.DISMISSAL,
    "opted_out": ResponseKind.OPT_OUT,
}


def counted_sends(tx: TenantRead, campaign_id: CampaignId) -> Iterator[CountedSends]:
    """Count a campaign's sends and the answers to them, in no order; within the transaction."""
    send = planned_send.c
    due_at = sa.case((send.due_at.between(EARLIEST_AT, LATEST_AT), send.due_at)).label("due_at")
    by = (
        send.revision,
        send.variant_id,
        send.arm,
        send.channel,
        due_at,
        TIMEZONE.label("timezone"),
        send.state,
        send.reason,
    )
    found: sa.FromClause = with_decisions()
    counts = []
    for name, kind in _ANSWERS.items():
        answer = response.alias(name)
        found = found.join(answer, sa.and_(same_send(answer), answer.c.kind == kind), isouter=True)
        counts.append(sa.func.count(answer.c.send_id).label(name))
    counted_click = sa.and_(same_send(click), click.c.filtered_reason.is_(None))
    found = found.join(click, counted_click, isouter=True)
    counts.append(sa.func.count(click.c.send_id).label("clicked"))
    rows = tx.execute(
        sa.select(*by, sa.func.count().label("sends"), *counts)
        .select_from(found)
        .where(
            tx.owns(planned_send),
            send.campaign_id == campaign_id,
            send.state.in_([*SendState]),
            TIMEZONE.is_not(None),
        )
        .group_by(*by)
    )
    for row in rows:
        yield CountedSends(
            revision=row.revision,
            variant_id=VariantId(row.variant_id),
            arm=None if row.arm is None else Arm(row.arm),
            channel=Channel(row.channel),
            due_at=row.due_at,
            timezone=row.timezone,
            state=SendState(row.state),
            reason=row.reason,
            sends=row.sends,
            opened=row.opened,
            clicked=row.clicked,
            responded=row.responded,
            dismissed=row.dismissed,
            opted_out=row.opted_out,
        )
