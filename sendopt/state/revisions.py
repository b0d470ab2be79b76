"""Revisions: another definition for whoever a campaign has not been handed over to.

A user has one send of a campaign, whatever its revisions. It is planned anew in its place, as long
as no dispatcher has ever claimed it: nothing refers to it yet. How it ended
does not matter then, unless somebody called it off, or nobody knows whether it went out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.errors import Conflict, InvariantBroken
from sendopt.records import (
    Arm,
    Campaign,
    CampaignId,
    EndReason,
    Plan,
    PlanColumns,
    SendState,
    UserId,
)
from sendopt.state import decision_rows, erased, plan_rows
from sendopt.state.bulk import update_columns
from sendopt.state.campaigns import (
    add_revision,
    campaign_changed,
    is_campaign,
    refuse_erased,
    require_committed,
    users_of,
)
from sendopt.state.chunks import chunks
from sendopt.state.plans import add_sends, call_off_erased, planned_users, sends_of
from sendopt.state.replannable import CAN_BE_REPLANNED, WAS_CALLED_OFF, WAS_TRIED
from sendopt.state.tables import decision, planned_send
from sendopt.state.tables_campaigns import campaign
from sendopt.state.tables_moves import send_move
from sendopt.state.transaction import TenantWrite

_WAS_REFUSED = sa.and_(
    planned_send.c.state == SendState.FAILED,
    planned_send.c.reason.not_in(
        [EndReason.GAVE_UP, EndReason.RECORD_MISSING, EndReason.RECORD_DAMAGED]
    ),
)
_ENDED_WITHOUT_IT = sa.or_(_WAS_REFUSED, sa.and_(WAS_CALLED_OFF, sa.not_(WAS_TRIED)))


@dataclass(frozen=True, slots=True)
class RevisionReport:
    """What a revision did to a campaign's sends."""

    revision: int
    planned_count: int  # by this revision
    suppressed_count: int  # by this revision
    withdrawn_count: int  # planned before, and not in its audience: cancelled
    kept_count: int  # of its audience: have what an earlier revision sent, get it, or may have it
    ended_count: int  # of its audience: called off one by one, or refused by a provider, for good


def revise(
    tx: TenantWrite,
    given: Campaign,
    definition: Any,
    plan: Plan,
    *,
    rules: dict[str, Any],
    now: datetime,
) -> RevisionReport:
    """Give a committed campaign its next revision, for all who may not have been handed over.

    All or nothing, under the same lock as a commit. A dispatcher that has claimed a send before
    keeps it; one that comes later finds it as it is planned now.

    Raises:
        NotFound: `campaign_unknown`.
        Conflict: `campaign_cancelled`, `campaign_not_committed`; `campaign_changed`, if another
            revision has come in between; `arm_changed`, if users would change sides;
            `user_erased`, naming the place in the definition.
        InvariantBroken: `foreign_plan`, if the plan is another tenant's, or another revision's.
    """
    told = (plan.tenant_id, plan.campaign_id, plan.revision)
    if told != (tx.tenant_id, given.campaign_id, given.revision):
        raise InvariantBroken("the plan belongs to something else", code="foreign_plan")
    columns = plan.columns()
    if require_committed(tx, given.campaign_id).revision + 1 != given.revision:
        raise campaign_changed(given.campaign_id)
    asked = erased.asked_count(tx)
    refuse_erased(given, erased.among_so_far(tx, users_of(given)))
    add_revision(tx, given, definition, rules=rules, now=now)
    tx.execute(
        sa.update(campaign)
        .where(is_campaign(tx, given.campaign_id))
        .values(revision=given.revision)
    )
    open_to = _lock_replannable(tx, given.campaign_id)
    theirs = _ended_without_it(tx, given.campaign_id)
    gone = erased.among_so_far(tx, columns.user_id)  # since it was planned
    asked_for = columns.among([at for at, user in enumerate(columns.user_id) if user not in gone])
    users = asked_for.user_id
    again = asked_for.among([at for at, user in enumerate(users) if user in open_to])
    new = asked_for.among([at for at, user in enumerate(users) if user not in theirs])
    _require_same_arms(again, open_to)
    _replan(tx, again, revision=given.revision, now=now)
    add_sends(tx, new, revision=given.revision, now=now)
    planned = [*planned_users(again), *planned_users(new)]
    ended = sum(user not in open_to and theirs.get(user, False) for user in users)
    # What was asked for one by one stays with the revision by which it was.
    withdrawn = 0 if given.is_triggered else _withdraw(tx, given)
    called_off = call_off_erased(tx, given.campaign_id, planned, since=asked)
    if erased.asked_count(tx) != asked:
        refuse_erased(given, erased.among(tx, users_of(given)))
    return RevisionReport(
        revision=given.revision,
        planned_count=len(planned) - called_off,
        suppressed_count=len(again) + len(new) - len(planned),
        withdrawn_count=withdrawn,
        kept_count=len(asked_for) - len(again) - len(new) - ended,
        ended_count=ended,
    )


def _lock_replannable(tx: TenantWrite, campaign_id: CampaignId) -> dict[UserId, str | None]:
    """Lock what may be planned anew, and return the arm of each user.

    What a dispatcher has in hand at this moment is waited for, and left out if it was claimed.
    """
    rows = tx.execute(
        sa.select(planned_send.c.user_id, planned_send.c.arm)
        .where(sends_of(tx, campaign_id), CAN_BE_REPLANNED)
        .order_by(planned_send.c.send_id)
        .with_for_update()
    )
    return {UserId(user_id): arm for user_id, arm in rows}


def _ended_without_it(tx: TenantWrite, campaign_id: CampaignId) -> dict[UserId, bool]:
    """Return of each user who has a send whether it ended without a message, for good."""
    rows = tx.execute(
        sa.select(
            planned_send.c.user_id,
            sa.func.coalesce(_ENDED_WITHOUT_IT, sa.false()).label("without_it"),
        ).where(sends_of(tx, campaign_id))
    )
    return {UserId(row.user_id): bool(row.without_it) for row in rows}


def _require_same_arms(again: PlanColumns, arms: Mapping[UserId, str | None]) -> None:
    known = {None, *Arm}  # what is damaged is not a side
    if any(arms[user] in known - {arm} for user, arm in zip(again.user_id, again.arm, strict=True)):
        raise Conflict(
            "users of this campaign would change the arm of its holdout or experiment",
            code="arm_changed",
            expected="the arms and SENDOPT_SCHEDULE__SEED of the first commit",
            hint="set the seed back, or give the changed campaign a new campaign_id",
        )


def _replan(tx: TenantWrite, sends: PlanColumns, *, revision: int, now: datetime) -> None:
    """Put what is planned now in the place of what was planned before."""
    numbers = decision_rows.numbers_of(tx, sends.campaign_id, sends.bases)
    rows = plan_rows.columns_of(sends, numbers, revision=revision, now=now)
    update_columns(tx, planned_send, rows)
    for some in chunks(sends.send_id):
        for table in (decision, send_move):  # of an earlier release; of the plan before
            tx.execute(sa.delete(table).where(tx.owns(table), table.c.send_id.in_(some)))


def _withdraw(tx: TenantWrite, given: Campaign) -> int:
    """Cancel what an earlier revision has planned for users who are not in the audience now."""
    return tx.execute(
        sa.update(planned_send)
        .where(
            sends_of(tx, given.campaign_id),
            CAN_BE_REPLANNED,
            planned_send.c.state == SendState.PLANNED,
            planned_send.c.revision < given.revision,
        )
        .values(state=SendState.CANCELLED, reason=EndReason.CAMPAIGN_REVISED, ready_at=None)
    ).rowcount
