"""Campaigns and their plans: defined once, committed once a person, cancelled while planned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from sendopt.clock import EARLIEST_AT, LATEST_AT
from sendopt.errors import Conflict, InvariantBroken, NotFound
from sendopt.records import (
    Campaign,
    CampaignId,
    Decision,
    EndReason,
    Plan,
    PlannedSend,
    SendId,
    SendState,
    TenantId,
    UserId,
)
from sendopt.state import plan_rows
from sendopt.state.attempt_list import ListedAttempt, attempts
from sendopt.state.engine import insert
from sendopt.state.row_hash import hash_of
from sendopt.state.send_list import next_attempt_at
from sendopt.state.tables import campaign, decision, planned_send, variant
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite
from sendopt.text import quoted

_KEY = ("tenant_id", "send_id")
_CAMPAIGNS = sa.select(
    campaign.c.campaign_id,
    campaign.c.definition,
    campaign.c.created_at,
    campaign.c.committed_at,
    campaign.c.cancelled_at,
    campaign.c.rules,
)

#: Rows handed to the driver at once: enough to be fast, few enough to stay in memory.
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """A campaign as it was given, and what became of it."""

    campaign_id: CampaignId
    definition: Any  # parsed JSON; read it with the `now` of `created_at`
    created_at: datetime
    committed_at: datetime | None  # the first commit
    cancelled_at: datetime | None
    rules: dict[str, Any] | None  # under which it was accepted; None = nobody knows any more

    @property
    def is_draft(self) -> bool:
        """Whether it can still be edited."""
        return self.committed_at is None and self.cancelled_at is None


class Put(StrEnum):
    """What putting a campaign did."""

    CREATED = "created"
    CHANGED = "changed"  # a draft has another definition now
    REPEATED = "repeated"  # the same definition was there before


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
    planned_at: datetime
    attempt_count: int
    next_attempt_at: datetime | None  # None = there will be none
    handed_over_at: datetime | None  # when the provider accepted it
    attempts: tuple[ListedAttempt, ...]


@dataclass(frozen=True, slots=True)
class SendCount:
    """How many of a tenant's sends stand at one point."""

    tenant_id: TenantId
    state: SendState
    count: int
    earliest_due_at: datetime | None  # None = suppressed, all of them


def put_campaign(
    tx: TenantWrite, given: Campaign, definition: Any, *, rules: dict[str, Any], now: datetime
) -> Put:
    """Store a campaign with its definition, its variants and the rules under which it is accepted.

    As long as nothing of it was committed another definition takes the place of the first.

    Raises:
        Conflict: `campaign_conflict`, `campaign_cancelled`, if it was committed or cancelled with
            another definition.
    """
    told = {"definition": definition, "definition_hash": _fingerprint(definition), "rules": rules}
    values = {"tenant_id": tx.tenant_id, "campaign_id": given.campaign_id, "created_at": now}
    created = tx.execute(
        insert(tx, campaign)
        .values(**values, **told)
        .on_conflict_do_nothing(index_elements=["tenant_id", "campaign_id"])
        .returning(campaign.c.campaign_id)
    ).all()
    if created:
        tx.execute(sa.insert(variant), _variant_rows(tx.tenant_id, given))
        return Put.CREATED
    of_campaign = _is_campaign(tx, given.campaign_id)
    stored = tx.execute(sa.select(campaign).where(of_campaign).with_for_update()).one()
    repeated = stored.definition_hash == told["definition_hash"]
    is_draft = stored.committed_at is None and stored.cancelled_at is None
    if repeated and (stored.rules is not None or not is_draft):
        return Put.REPEATED
    if stored.cancelled_at is not None:
        raise _campaign_cancelled(given.campaign_id)
    if not is_draft:
        raise _campaign_conflict(given.campaign_id)
    hashed = values | told | {"created_at": stored.created_at}
    tx.execute(
        sa.update(campaign).where(of_campaign).values(**told, row_hash=hash_of(campaign, hashed))
    )
    if repeated:  # a draft of an earlier release, which is accepted now
        return Put.REPEATED
    of_variants = sa.and_(tx.owns(variant), variant.c.campaign_id == given.campaign_id)
    tx.execute(sa.delete(variant).where(of_variants))
    tx.execute(sa.insert(variant), _variant_rows(tx.tenant_id, given))
    return Put.CHANGED


def require_definition(tx: TenantWrite, campaign_id: CampaignId, definition: Any) -> None:
    """Refuse to go on where the campaign has another definition by now; it cannot change in `tx`.

    Raises:
        NotFound: `campaign_unknown`.
        Conflict: `campaign_changed`.
    """
    of_campaign = _is_campaign(tx, campaign_id)
    stored = _stored_campaign(tx, _CAMPAIGNS.where(of_campaign).with_for_update())
    if _fingerprint(stored.definition) != _fingerprint(definition):
        raise Conflict(
            f"the campaign {quoted(campaign_id)} was edited while it was planned",
            code="campaign_changed",
            field="/campaign_id",
            expected="the definition that is stored",
            hint="nothing was committed: look at what is there now, and commit that",
        )


def _campaign_cancelled(campaign_id: CampaignId) -> Conflict:
    return Conflict(
        f"the campaign {quoted(campaign_id)} was cancelled",
        code="campaign_cancelled",
        expected="a campaign that still stands",
        hint="put it again under a new campaign_id",
    )


def _campaign_conflict(campaign_id: CampaignId) -> Conflict:
    return Conflict(
        f"the campaign {quoted(campaign_id)} is there with another definition",
        code="campaign_conflict",
        field="/campaign_id",
        expected="the definition that it was committed with; until then it can be changed",
        hint="give the changed campaign a new campaign_id",
    )


def accepted_as(tx: TenantRead, definition: Any) -> StoredCampaign | None:
    """Return the campaign that exactly this definition was stored as; None if it never was."""
    named = definition.get("campaign_id") if isinstance(definition, dict) else None
    if not isinstance(named, str):
        return None
    row = tx.execute(
        _CAMPAIGNS.where(
            _is_campaign(tx, CampaignId(named)),
            campaign.c.definition_hash == _fingerprint(definition),
        )
    ).one_or_none()
    return None if row is None else StoredCampaign(**row._asdict())


def get_campaign(tx: TenantRead, campaign_id: CampaignId) -> StoredCampaign:
    """Return the campaign as it was given.

    Raises:
        NotFound: `campaign_unknown`.
    """
    return _stored_campaign(tx, _CAMPAIGNS.where(_is_campaign(tx, campaign_id)))


def commit(tx: TenantWrite, plan: Plan, *, now: datetime) -> CommitReport:
    """Write what `plan` holds for every person who has no send of this campaign yet.

    Committing again, at once or from another process, changes nothing for those who have one;
    people who joined since then are added. So a huge audience may come in several plans.

    Raises:
        NotFound: `campaign_unknown`.
        Conflict: `campaign_cancelled`.
        InvariantBroken: `foreign_plan`, if the plan is another tenant's.
    """
    if {plan.tenant_id, *(send.tenant_id for send in plan.sends)} != {tx.tenant_id}:
        raise InvariantBroken("the plan belongs to another tenant", code="foreign_plan")
    # Commits of one campaign wait for each other here; SQLite has one writer anyway.
    of_campaign = _is_campaign(tx, plan.campaign_id)
    if _stored_campaign(tx, _CAMPAIGNS.where(of_campaign).with_for_update()).cancelled_at:
        raise _campaign_cancelled(plan.campaign_id)
    served = set(
        tx.scalars(sa.select(planned_send.c.user_id).where(_sends_of(tx, plan.campaign_id)))
    )
    rows = [
        (send, reason)
        for send, reason in zip(plan.sends, plan.decisions, strict=True)
        if send.user_id not in served
    ]
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        tx.execute(sa.insert(planned_send), [plan_rows.send_row(send, now) for send, _ in chunk])
        tx.execute(
            sa.insert(decision),
            [plan_rows.decision_row(tx.tenant_id, reason) for _, reason in chunk],
        )
    tx.execute(
        sa.update(campaign)
        .where(of_campaign, campaign.c.committed_at.is_(None))
        .values(committed_at=now)
    )
    planned = sum(send.state is SendState.PLANNED for send, _ in rows)
    return CommitReport(
        planned_count=planned,
        suppressed_count=len(rows) - planned,
        repeated_count=len(plan.sends) - len(rows),
    )


def get_send(tx: TenantRead, send_id: SendId) -> StoredSend:
    """Return a send with its decision record.

    Raises:
        NotFound: `send_unknown`.
    """
    row = tx.execute(
        sa.select(*planned_send.c, *(column for column in decision.c if column.name not in _KEY))
        .join(decision, sa.and_(*(decision.c[name] == planned_send.c[name] for name in _KEY)))
        .where(tx.owns(planned_send), planned_send.c.send_id == send_id)
    ).one_or_none()
    if row is None:
        raise _send_unknown()
    return StoredSend(
        send=plan_rows.send(row),
        decision=plan_rows.decision(row),
        planned_at=row.planned_at,
        attempt_count=row.attempt_count,
        next_attempt_at=next_attempt_at(row),
        handed_over_at=row.handed_over_at,
        attempts=attempts(tx, send_id),
    )


def cancel_send(tx: TenantWrite, send_id: SendId, *, reason: EndReason) -> None:
    """Cancel a send that is still planned; one that is cancelled already stays as it is.

    Raises:
        NotFound: `send_unknown`.
        Conflict: `send_not_planned`, if it is being handed over or has ended.
    """
    of_send = sa.and_(tx.owns(planned_send), planned_send.c.send_id == send_id)
    if _cancel(tx, of_send, reason):
        return
    state = tx.scalar(sa.select(planned_send.c.state).where(of_send))
    if state is None:
        raise _send_unknown()
    if state != SendState.CANCELLED:
        raise Conflict(
            f"the send is {state}",
            code="send_not_planned",
            expected="a send that is still planned",
        )


def cancel_campaign(
    tx: TenantWrite, campaign_id: CampaignId, *, reason: EndReason, now: datetime
) -> int:
    """Cancel what is still planned of the campaign, for good, and return how many sends it was.

    What is being handed over at this moment ends by itself. Nothing can be committed afterwards.

    Raises:
        NotFound: `campaign_unknown`.
    """
    of_campaign = _is_campaign(tx, campaign_id)
    # The same lock as a commit's: a commit that runs now is seen whole, or comes too late.
    stored = _stored_campaign(tx, _CAMPAIGNS.where(of_campaign).with_for_update())
    if stored.cancelled_at is None:
        tx.execute(sa.update(campaign).where(of_campaign).values(cancelled_at=now))
    return _cancel(tx, _sends_of(tx, campaign_id), reason)


def campaign_counts(tx: TenantRead, campaign_id: CampaignId) -> dict[SendState, int]:
    """Count the campaign's sends by state; every state is there, with 0 if it has none."""
    rows = tx.execute(
        sa.select(planned_send.c.state, sa.func.count())
        .where(_sends_of(tx, campaign_id))
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
    """Return when each person's send of the campaign is due; suppressed people are left out."""
    rows = tx.execute(
        sa.select(planned_send.c.user_id, planned_send.c.due_at).where(
            _sends_of(tx, campaign_id), planned_send.c.due_at.is_not(None)
        )
    )
    return {UserId(row.user_id): row.due_at for row in rows}


def _fingerprint(definition: Any) -> str:
    """Return the SHA-256 of a definition, whatever the order of its keys."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _is_campaign(tx: TenantRead, campaign_id: CampaignId) -> sa.ColumnElement[bool]:
    return sa.and_(tx.owns(campaign), campaign.c.campaign_id == campaign_id)


def _sends_of(tx: TenantRead, campaign_id: CampaignId) -> sa.ColumnElement[bool]:
    return sa.and_(tx.owns(planned_send), planned_send.c.campaign_id == campaign_id)


def _stored_campaign(tx: TenantRead, query: sa.Select[Any]) -> StoredCampaign:
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such campaign", code="campaign_unknown", field="campaign_id")
    return StoredCampaign(**row._asdict())


def _cancel(tx: TenantWrite, which: sa.ColumnElement[bool], reason: EndReason) -> int:
    return tx.execute(
        sa.update(planned_send)
        .where(which, planned_send.c.state == SendState.PLANNED)
        .values(state=SendState.CANCELLED, reason=reason, ready_at=None)
    ).rowcount


def _send_unknown() -> NotFound:
    return NotFound("there is no such send", code="send_unknown", field="send_id")


def _variant_rows(tenant_id: TenantId, given: Campaign) -> list[dict[str, Any]]:
    return [
        {"tenant_id": tenant_id, "campaign_id": given.campaign_id, **asdict(wording)}
        for wording in given.variants
    ]
