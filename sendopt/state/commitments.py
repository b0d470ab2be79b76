"""What users have in store already: the marketing messages that limits over campaigns count."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from sendopt.records import CampaignId, EndReason, MessageClass, SendState, UserId
from sendopt.state.chunks import chunks
from sendopt.state.instant import Instant
from sendopt.state.same_send import same_send
from sendopt.state.tables import attempt, planned_send
from sendopt.state.tables_campaigns import campaign_revision
from sendopt.state.transaction import TenantRead

_NAME: Final = pa.dictionary(pa.int32(), pa.string())
#: Of `marketing`. `at` is when the message was handed over, or else is due, or was moved to.
SCHEMA: Final = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("campaign_id", _NAME, nullable=False),
        pa.field("message_type", _NAME),
        pa.field("state", _NAME, nullable=False),  # a SendState
    ]
)

#: Few, so that the garbage collector never looks at them: more take half as long again.
_ROWS_AT_ONCE = 2_000
#: A hand-over that began inside the window of its campaign may be answered so much later.
_ANSWERED_WITHIN = timedelta(hours=1)

#: What a pause has put off, to its expiry, goes out as soon as it may, and counts as it was due.
_MOVED_TO = sa.case(
    (
        sa.and_(
            planned_send.c.state == SendState.PLANNED,
            planned_send.c.ready_at < planned_send.c.expires_at,
        ),
        planned_send.c.ready_at,
    )
)
_AT = sa.type_coerce(
    sa.func.coalesce(planned_send.c.handed_over_at, _MOVED_TO, planned_send.c.due_at),
    sa.BigInteger,
)
#: Nobody knows whether it has reached its user, whatever became of later attempts.
MAY_HAVE_ARRIVED = sa.or_(
    planned_send.c.reason == EndReason.OUTCOME_UNKNOWN,
    sa.and_(
        planned_send.c.state == SendState.FAILED,
        planned_send.c.attempt_count > 1,
        sa.exists().where(same_send(attempt), attempt.c.finished_at.is_(None)),
    ),
)
#: It has reached its user, is to, or may have.
_STANDS = sa.or_(
    planned_send.c.handed_over_at.is_not(None),
    planned_send.c.state.in_([SendState.PLANNED, SendState.CLAIMED]),
    MAY_HAVE_ARRIVED,
)


#: A campaign and the number of one of its revisions.
_Revision = tuple[str, int]


def marketing(
    tx: TenantRead,
    user_ids: Sequence[UserId] | None,
    *,
    since: datetime,
    until: datetime,
    besides: Collection[CampaignId] = (),
) -> pa.Table:
    """Return what these users, or all (None), have in [since, until), as `SCHEMA`, in no order.

    Sends that are planned, claimed or handed over, and those of which nobody knows whether they
    arrived. Messages that are owed to a user are left out: no limit counts them. So are those of
    the campaigns `besides`, which are about to be planned anew.
    """
    send = planned_send.c
    if user_ids is None:
        campaigns = sorted(_campaigns_until(tx, since - _ANSWERED_WITHIN).difference(besides))
        some = [send.campaign_id.in_(chunk) for chunk in chunks(campaigns)]
    else:
        some = [send.user_id.in_(chunk) for chunk in chunks(user_ids)]
    query = sa.select(send.user_id, _AT, send.campaign_id, send.revision, send.state).where(
        tx.owns(planned_send),
        send.campaign_id.not_in(besides),
        send.due_at.is_not(None),  # of all that stands; it leads to the index by user
        _STANDS,
        sa.literal(since, Instant) <= _AT,
        sa.literal(until, Instant) > _AT,
    )
    revisions = Revisions(tx)
    parts = [
        _columns(rows, revisions)
        for which in some
        for rows in tx.execute(
            query.where(which).execution_options(yield_per=_ROWS_AT_ONCE)
        ).partitions()
    ]
    return pa.concat_tables(parts).unify_dictionaries() if parts else SCHEMA.empty_table()


def _columns(rows: Sequence[sa.Row[Any]], revisions: Revisions) -> pa.Table:
    """Return the sends in these rows, without those that are owed to their users."""
    user_ids, instants, campaigns, numbers, states = zip(*rows, strict=True)
    revisions.read(campaigns)
    planned_by = list(zip(campaigns, numbers, strict=True))
    types = list(map(revisions.message_types.get, planned_by))
    return pa.table(
        [
            pa.array(user_ids, pa.string()),
            pa.array(instants, pa.int64()).cast(SCHEMA.field("at").type),
            *(
                pa.array(each, pa.string()).dictionary_encode()
                for each in (campaigns, types, states)
            ),
        ],
        schema=SCHEMA,
    ).filter(pa.array([each not in revisions.owed for each in planned_by]))


def _campaigns_until(tx: TenantRead, instant: datetime) -> set[str]:
    """Return the campaigns of which something can have gone out from `instant` on."""
    latest_at = campaign_revision.c.latest_at
    return set(
        tx.scalars(
            sa.select(campaign_revision.c.campaign_id).where(
                tx.owns(campaign_revision),
                sa.or_(latest_at.is_(None), latest_at > sa.literal(instant, Instant)),
            )
        )
    )


class Revisions:
    """What revisions say of their messages, read as they are met.

    Before there were classes every message was of class marketing, and so is one of which nobody
    knows.
    """

    def __init__(self, tx: TenantRead) -> None:
        self.message_types: dict[_Revision, str | None] = {}
        self.owed: set[_Revision] = set()  # of another class than marketing
        self._tx = tx
        self._read: set[str] = set()

    def read(self, campaigns: Iterable[str]) -> None:
        """Get to know all revisions of these campaigns."""
        missing = sorted(set(campaigns) - self._read)
        self._read.update(missing)
        revision = campaign_revision.c
        # Rules are short; a definition may name a million users.
        message_class = revision.rules["message_class"].as_string()
        message_type = sa.case(
            (message_class.is_not(None), revision.rules["message_type"].as_string()),
            else_=revision.definition["message_type"].as_string(),
        )
        for some in chunks(missing):
            rows = self._tx.execute(
                sa.select(
                    revision.campaign_id, revision.revision, message_class, message_type
                ).where(self._tx.owns(campaign_revision), revision.campaign_id.in_(some))
            )
            for campaign_id, number, kind, of_type in rows:
                self.message_types[campaign_id, number] = of_type
                if kind not in (None, MessageClass.MARKETING):
                    self.owed.add((campaign_id, number))
