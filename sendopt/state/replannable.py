"""Which sends of a campaign its next revision plans anew, and which stay as they are."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.records import EndReason, SendState
from sendopt.state.same_send import same_send
from sendopt.state.tables import attempt, planned_send

#: A dispatcher began to hand it over. What is damaged may have attempts that it does not count.
WAS_TRIED = sa.or_(planned_send.c.attempt_count != 0, sa.exists().where(same_send(attempt)))
WAS_CALLED_OFF = planned_send.c.reason.in_(
    [EndReason.SEND_CANCELLED, EndReason.CAMPAIGN_CANCELLED, EndReason.USER_ERASED]
)
#: It was held after a restore, and may have gone out from where the state was copied.
_MAY_HAVE_GONE_OUT = sa.or_(
    planned_send.c.reason == EndReason.OUTCOME_UNKNOWN,
    sa.and_(planned_send.c.reason == EndReason.RECORD_DAMAGED, planned_send.c.fence != 0),
)
#: Whoever was, or may have been, handed over stays with the revision by which it was.
CAN_BE_REPLANNED = sa.and_(
    planned_send.c.state.in_([*SendState]),
    planned_send.c.state.not_in([SendState.CLAIMED, SendState.DELIVERED]),
    sa.or_(planned_send.c.reason.is_(None), sa.not_(sa.or_(WAS_CALLED_OFF, _MAY_HAVE_GONE_OUT))),
    sa.not_(WAS_TRIED),
)
