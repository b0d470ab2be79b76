"""Plans of campaigns: committed once a person, cancelled while planned."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.clock import EARLIEST_AT, LATEST_AT
from sendopt.errors import Conflict, InvariantBroken, NotFound
from sendopt.records import (
    CampaignId,
    Decision,
    DeviceId,
    EndReason,
    Plan,
    PlanColumns,
    PlannedSend,
    SendId,
    SendState,
    TenantId,
    UserId,
)
from sendopt.state import decision_rows, erased, erasure_gate, plan_rows
from sendopt.state.attempt_list import ListedAttempt, attempts
from sendopt.state.bulk import insert_columns
from sendopt.state.campaigns import campaign_cancelled, campaign_changed, is_campaign, lock_campaign
from sendopt.state.moves import ListedMove, moves
from sendopt.state.replannable import CAN_BE_REPLANNED
from sendopt.state.same_send import same_send
from sendopt.state.send_list import next_attempt_at
from sendopt.state.tables import attempt, planned_send
from sendopt.state.tables_campaigns import campaign
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite


@dataclass(frozen=True, slots=True)
class CommitReport:
    """What a commit wrote."""

    planned_count: int
    suppressed_count: int
    repeated_count: int  # people who had a send of this campaign already; it stays as it was


@dataclass(frozen=True, slots=True)
class StoredSend:
    """A send, why it has its time, and how far it came."""

    send: PlannedSend
    decision: Decision
    revision: int  # of the campaign, by which it was planned
    planned_at: datetime
    attempt_count: int
    next_attempt_at: datetime | None  # None = none, or once its campaign is resumed
    handed_over_at: datetime | None  # when the provider accepted it
    handed_over_to: DeviceId | None
    attempts: tuple[ListedAttempt, ...]
    moves: tuple[ListedMove, ...]


@dataclass(frozen=True, slots=True)
class SendCount:
    """How many of a tenant's sends stand at one point."""

    tenant_id: TenantId
    state: SendState
    count: int
    earliest_due_at: datetime | None  # None = suppressed, all of them


def commit(tx: TenantWrite, plan: Plan, *, now: datetime) -> CommitReport:
    """Write what `plan` holds for every person who has no send of this campaign yet.

    Committing again, at once or from another process, changes nothing for those who have one;
    people who joined since then are added. So a huge audience may come in several plans.

    Raises:
        NotFound: `campaign_unknown`.
        Conflict: `campaign_cancelled`; `campaign_changed`, if it has another revision by now.
        InvariantBroken: `foreign_plan`, if the plan is another tenant's, or contradicts itself.
    """
    if plan.tenant_id != tx.tenant_id:
        raise InvariantBroken("the plan belongs to another tenant", code="foreign_plan")
    columns = plan.columns()
    # Commits of one campaign wait for each other here; SQLite has one writer anyway.
    stored = lock_campaign(tx, plan.campaign_id)
    if stored.cancelled_at is not None:
        raise campaign_cancelled(plan.campaign_id)
    if stored.revision != plan.revision:
        raise campaign_changed(plan.campaign_id)
    served = set(
        tx.scalars(sa.select(planned_send.c.user_id).where(sends_of(tx, plan.campaign_id)))
    )
    asked = erased.asked_count(tx)
    # Since it was planned; and once more at the end, for the gate is not held for all this time.
    served |= erased.among_so_far(tx, columns.user_id)
    new = columns.among([row for row, user in enumerate(columns.user_id) if user not in served])
    add_sends(tx, new, revision=plan.revision, now=now)
    tx.execute(
        sa.update(campaign)
        .where(is_campaign(tx, plan.campaign_id), campaign.c.committed_at.is_(None))
        .values(committed_at=now)
    )
    planned = planned_users(new)
    called_off = call_off_erased(tx, plan.campaign_id, planned, since=asked)
    return CommitReport(
        planned_count=len(planned) - called_off,
        suppressed_count=len(new) - len(planned),
        repeated_count=len(columns) - len(new),
    )


def add_sends(tx: TenantWrite, sends: PlanColumns, *, revision: int, now: datetime) -> None:
    """Write sends that are new, and why each has its time; holding the lock of their campaign."""
    numbers = decision_rows.numbers_of(tx, sends.campaign_id, sends.bases)
    rows = plan_rows.columns_of(sends, numbers, revision=revision, now=now)
    insert_columns(tx, planned_send, rows)


def planned_users(sends: PlanColumns) -> list[UserId]:
    """Return for whom something is planned."""
    return [
        user_id
        for user_id, state in zip(sends.user_id, sends.state, strict=True)
        if state == SendState.PLANNED
    ]


def call_off_erased(
    tx: TenantWrite, campaign_id: CampaignId, planned: Collection[UserId], *, since: int
) -> int:
    """Call off what `tx` planned for users who were erased meanwhile; return how many sends it was.

    The last that `tx` does. What was committed before an erasure began is called off by that.

    Args:
        tx: has written or locked the planned sends of these users.
        campaign_id: whose sends.
        planned: for whom.
        since: the count of erasures when `tx` left out whoever was erased before.
    """
    erasure_gate.hold_open(tx)
    if erased.asked_count(tx) == since:
        return 0
    return sum(
        _cancel(
            tx,
            sa.and_(sends_of(tx, campaign_id), planned_send.c.user_id == user_id),
            EndReason.USER_ERASED,
        )
        for user_id in sorted(erased.among(tx, planned))
    )


def served(
    tx: TenantRead, campaign_id: CampaignId, *, replanned: bool = False
) -> frozenset[UserId]:
    """Return who has a send of the campaign that stays, whatever is planned for it now.

    Args:
        tx: of the tenant.
        campaign_id: of a campaign; one that was never stored has no sends.
        replanned: whether a revision plans anew what it can.
    """
    users = sa.select(planned_send.c.user_id).where(sends_of(tx, campaign_id))
    if replanned:
        users = users.where(sa.not_(CAN_BE_REPLANNED))
    return frozenset(map(UserId, tx.scalars(users)))


def require_send_to(tx: TenantRead, send_id: SendId, user_id: UserId) -> None:
    """Refuse a send that is not to this user.

    Raises:
        NotFound: `send_unknown`.
    """
    to_user = sa.select(planned_send.c.send_id).where(
        tx.owns(planned_send), planned_send.c.send_id == send_id, planned_send.c.user_id == user_id
    )
    if tx.scalar(to_user) is None:
        raise _send_unknown()


def get_send(tx: TenantRead, send_id: SendId) -> StoredSend:
    """Return a send with its decision record.

    Raises:
        NotFound: `send_unknown`.
    """
    row = tx.execute(
        sa.select(planned_send).where(tx.owns(planned_send), planned_send.c.send_id == send_id)
    ).one_or_none()
    reason = None if row is None else decision_rows.decision_of(tx, row)
    if row is None or reason is None:
        raise _send_unknown()
    return StoredSend(
        send=plan_rows.send(row),
        decision=reason,
        revision=row.revision,
        planned_at=row.planned_at,
        attempt_count=row.attempt_count,
        next_attempt_at=next_attempt_at(row),
        handed_over_at=row.handed_over_at,
        handed_over_to=row.handed_over_to,
        attempts=attempts(tx, send_id),
        moves=moves(tx, send_id),
    )


def cancel_send(tx: TenantWrite, send_id: SendId, *, reason: EndReason) -> bool:
    """Cancel a send that is still planned; False = it is called off already, and stays as it is.

    One that may have arrived is not tried again, and ends as `outcome_unknown`. So does one that
    nobody cancelled; to cancel that changes nothing either.

    Raises:
        NotFound: `send_unknown`.
        Conflict: `send_not_planned`, if it is being handed over or has ended.
    """
    of_send = sa.and_(tx.owns(planned_send), planned_send.c.send_id == send_id)
    if _cancel(tx, of_send, reason):
        return True
    ended = tx.execute(
        sa.select(planned_send.c.state, planned_send.c.reason).where(of_send)
    ).one_or_none()
    if ended is None:
        raise _send_unknown()
    if ended.state != SendState.CANCELLED and ended.reason != EndReason.OUTCOME_UNKNOWN:
        raise Conflict(
            f"the send is {ended.state}",
            code="send_not_planned",
            expected="a send that is still planned",
        )
    return False


def cancel_campaign(
    tx: TenantWrite, campaign_id: CampaignId, *, reason: EndReason, now: datetime
) -> int:
    """Cancel what is still planned of the campaign, for good, and return how many sends it was.

    What is being handed over at this moment ends by itself. Nothing can be committed afterwards.

    Raises:
        NotFound: `campaign_unknown`.
    """
    # The same lock as a commit's: a commit that runs now is seen whole, or comes too late.
    if lock_campaign(tx, campaign_id).cancelled_at is None:
        of_campaign = is_campaign(tx, campaign_id)
        tx.execute(sa.update(campaign).where(of_campaign).values(cancelled_at=now))
    return _cancel(tx, sends_of(tx, campaign_id), reason)


def campaign_counts(tx: TenantRead, campaign_id: CampaignId) -> dict[SendState, int]:
    """Count the campaign's sends by state; every state is there, with 0 if it has none."""
    rows = tx.execute(
        sa.select(planned_send.c.state, sa.func.count())
        .where(sends_of(tx, campaign_id))
        .group_by(planned_send.c.state)
    )
    found = {SendState(state): count for state, count in rows}
    return {state: found.get(state, 0) for state in SendState}


def send_counts(tx: FleetRead) -> list[SendCount]:
    """Count every tenant's sends by state: for the operator, never for an answer to a tenant.

    What the store holds beside the states and the times that can be is left out.
    """
    send = planned_send.c
    due_at = sa.case((send.due_at.between(EARLIEST_AT, LATEST_AT), send.due_at))
    rows = tx.execute(
        sa.select(
            send.tenant_id, send.state, sa.func.count(), sa.func.min(due_at, type_=send.due_at.type)
        )
        .where(send.state.in_([*SendState]))
        .group_by(send.tenant_id, send.state)
        .order_by(send.tenant_id, send.state)
    )
    return [
        SendCount(TenantId(tenant_id), SendState(state), count, earliest_due_at)
        for tenant_id, state, count, earliest_due_at in rows
    ]


def due_times(tx: TenantRead, campaign_id: CampaignId) -> dict[UserId, datetime]:
    """Return when each person's send of the campaign is due; suppressed people are left out.

    Of several sends to one person, as a trigger may ask for, it is the last one's time.
    """
    rows = tx.execute(
        sa.select(planned_send.c.user_id, planned_send.c.due_at)
        .where(sends_of(tx, campaign_id), planned_send.c.due_at.is_not(None))
        .order_by(planned_send.c.due_at)
    )
    return {UserId(row.user_id): row.due_at for row in rows}


def sends_of(tx: TenantRead, campaign_id: CampaignId) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `planned_send` belongs to the tenant's campaign."""
    return sa.and_(tx.owns(planned_send), planned_send.c.campaign_id == campaign_id)


def _cancel(tx: TenantWrite, which: sa.ColumnElement[bool], reason: EndReason) -> int:
    """End what is planned; what may have arrived is not taken back, and ends as unknown."""
    unanswered = sa.and_(
        planned_send.c.attempt_count != 0,
        sa.exists().where(same_send(attempt), attempt.c.finished_at.is_(None)),
    )
    return tx.execute(
        sa.update(planned_send)
        .where(which, planned_send.c.state == SendState.PLANNED)
        .values(
            state=sa.case((unanswered, SendState.EXPIRED), else_=SendState.CANCELLED),
            reason=sa.case((unanswered, EndReason.OUTCOME_UNKNOWN), else_=reason),
            ready_at=None,
        )
    ).rowcount


def _send_unknown() -> NotFound:
    return NotFound("there is no such send", code="send_unknown", field="send_id")
