"""What users have of marketing messages at the moment of a hand-over: got, and to come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from sendopt.frequency import Contact
from sendopt.records import SendId, SendState, UserId
from sendopt.state.chunks import chunks
from sendopt.state.commitments import MAY_HAVE_ARRIVED, Revisions
from sendopt.state.damage import NOT_A_VALUE, damaged_text, set_apart
from sendopt.state.tables import attempt, planned_send
from sendopt.state.transaction import TenantRead, owned

#: No message outlives its time by more, so that it was handed over at most so long after that.
_LONGEST_LIFE = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class SendContact:
    """A send as a contact with its user."""

    send_id: SendId
    contact: Contact
    got: bool  # it was handed over, or may have been, or is at this moment; else it is to come


def contacts(
    tx: TenantRead, user_ids: Collection[UserId], *, since: datetime
) -> dict[UserId, list[SendContact] | str]:
    """Return what each of these users got since an instant, and what is planned for them.

    A message counts from the moment at which its attempt began, once a provider has accepted it,
    and while nobody knows what became of the attempt. Of a user whose sends nobody can read it is
    said what is wrong with them.
    """
    try:
        with set_apart(tx):
            return _contacts(tx, user_ids, since=since)
    except (*NOT_A_VALUE, sa.exc.DBAPIError) as error:
        if not damaged_text(error):
            raise
        if len(user_ids) == 1:
            return dict.fromkeys(user_ids, f"planned_send: {type(error).__name__}")
    return {
        user_id: said
        for each in user_ids
        for user_id, said in contacts(tx, [each], since=since).items()
    }


def _contacts(
    tx: TenantRead, user_ids: Collection[UserId], *, since: datetime
) -> dict[UserId, list[SendContact] | str]:
    found: dict[UserId, list[SendContact]] = {user_id: [] for user_id in user_ids}
    revisions = Revisions(tx)
    for some in chunks(user_ids):
        given = {
            **tx.bound(),
            "users": some,
            "since": since,
            "due_from": since - _LONGEST_LIFE,
        }
        rows = tx.execute(_standing(), given).all()
        revisions.read({row.campaign_id for row in rows})
        for row in rows:
            planned_by = (row.campaign_id, row.revision)
            if planned_by not in revisions.owed:
                message_type = revisions.message_types.get(planned_by)
                found[UserId(row.user_id)].append(_send_contact(row, message_type))
    return {**found}


def _send_contact(row: Any, message_type: str | None) -> SendContact:
    got_at = row.handed_over_at or row.unanswered_at
    at = got_at or row.ready_at or row.due_at
    return SendContact(SendId(row.send_id), Contact(at, message_type), got=got_at is not None)


@cache
def _standing() -> sa.Select[Any]:
    send = planned_send.c
    since = sa.bindparam("since", type_=send.due_at.type)
    unanswered_at = (
        sa.select(sa.func.max(attempt.c.started_at, type_=attempt.c.started_at.type))
        .where(
            attempt.c.tenant_id == send.tenant_id,
            attempt.c.send_id == send.send_id,
            attempt.c.finished_at.is_(None),
        )
        .scalar_subquery()
    )
    is_open = send.state.in_([SendState.PLANNED, SendState.CLAIMED])
    stands = sa.or_(
        send.handed_over_at >= since,
        sa.and_(send.handed_over_at.is_(None), is_open),
        MAY_HAVE_ARRIVED,
    )
    query = sa.select(
        send.user_id,
        send.send_id,
        send.campaign_id,
        send.revision,
        send.due_at,
        send.ready_at,
        send.handed_over_at,
        sa.case((send.attempt_count != 0, unanswered_at)).label("unanswered_at"),
    ).where(
        owned(planned_send),
        send.user_id.in_(sa.bindparam("users", expanding=True)),
        send.due_at >= sa.bindparam("due_from", type_=send.due_at.type),
        stands,
    )
    return query.order_by(send.user_id, send.due_at, send.send_id)
