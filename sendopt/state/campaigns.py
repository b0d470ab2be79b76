"""Campaigns as they were given: put, edited while they are drafts, and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from sendopt.errors import Conflict, NotFound
from sendopt.records import Campaign, CampaignId, CampaignPhase, UserId
from sendopt.state import erased
from sendopt.state.campaign_phase import phase_at, same_campaign
from sendopt.state.chunks import chunks
from sendopt.state.engine import insert
from sendopt.state.tables_campaigns import campaign, campaign_revision, variant
from sendopt.state.transaction import TenantRead, TenantWrite
from sendopt.text import quoted

_LIFE = (
    campaign.c.campaign_id,
    campaign.c.revision,
    campaign.c.created_at,
    campaign.c.committed_at,
    campaign.c.paused_at,
    campaign.c.cancelled_at,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignLife:
    """What became of a campaign."""

    campaign_id: CampaignId
    revision: int  # the one that holds; the first is 1
    created_at: datetime
    committed_at: datetime | None  # the first commit
    paused_at: datetime | None  # None = it is not paused
    cancelled_at: datetime | None

    @property
    def is_draft(self) -> bool:
        """Whether it can still be edited."""
        return self.committed_at is None and self.cancelled_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCampaign(CampaignLife):
    """A campaign as it was given last, and what became of it."""

    definition: Any  # parsed JSON; read it with the `now` of `changed_at`
    rules: dict[str, Any] | None  # under which it was accepted; None = nobody knows any more
    changed_at: datetime  # when this definition was accepted


class Put(StrEnum):
    """What putting a campaign did."""

    CREATED = "created"
    CHANGED = "changed"  # a draft has another definition now
    REPEATED = "repeated"  # the same definition was there before


def put_campaign(
    tx: TenantWrite, given: Campaign, definition: Any, *, rules: dict[str, Any], now: datetime
) -> Put:
    """Store a campaign with its definition, its variants and the rules under which it is accepted.

    As long as nothing of it was committed another definition takes the place of the first.

    Raises:
        Conflict: `campaign_conflict`, `campaign_cancelled`, if it was committed or cancelled with
            another definition; `user_erased`, as `refuse_erased`.
    """
    refuse_erased(given, erased.among(tx, users_of(given)))
    created = tx.execute(
        insert(tx, campaign)
        .values(tenant_id=tx.tenant_id, campaign_id=given.campaign_id, created_at=now)
        .on_conflict_do_nothing(index_elements=["tenant_id", "campaign_id"])
        .returning(campaign.c.campaign_id)
    ).all()
    if created:
        add_revision(tx, given, definition, rules=rules, now=now)
        return Put.CREATED
    stored = lock_campaign(tx, given.campaign_id)
    of_revision = is_revision(tx, given.campaign_id, stored.revision)
    held = tx.execute(
        sa.select(
            campaign_revision.c.definition_hash,
            campaign_revision.c.rules.is_(None).label("are_rules_lost"),
        ).where(of_revision)
    ).one()
    repeated = held.definition_hash == fingerprint(definition)
    if repeated and not (stored.is_draft and held.are_rules_lost):
        return Put.REPEATED
    if stored.cancelled_at is not None:
        raise campaign_cancelled(given.campaign_id)
    if not stored.is_draft:
        raise _campaign_conflict(given.campaign_id)
    tx.execute(sa.delete(campaign_revision).where(of_revision))
    tx.execute(
        sa.delete(variant).where(tx.owns(variant), variant.c.campaign_id == given.campaign_id)
    )
    add_revision(tx, given, definition, rules=rules, now=now)
    # A draft of an earlier release, which is accepted now, is not another one for that.
    return Put.REPEATED if repeated else Put.CHANGED


def add_revision(
    tx: TenantWrite, given: Campaign, definition: Any, *, rules: dict[str, Any], now: datetime
) -> None:
    """Store a definition with its variants and rules, as the revision that `given` says."""
    key = {
        "tenant_id": tx.tenant_id,
        "campaign_id": given.campaign_id,
        "revision": given.revision,
    }
    told = {"definition": definition, "definition_hash": fingerprint(definition), "rules": rules}
    tx.execute(
        sa.insert(campaign_revision).values(
            **key, **told, accepted_at=now, latest_at=given.latest_at
        )
    )
    tx.execute(sa.insert(variant), [key | asdict(wording) for wording in given.variants])


def users_of(given: Campaign) -> frozenset[UserId]:
    """Return all users whom a campaign names."""
    return frozenset({*(given.audience or ()), *(given.candidate_times or {})})


def refuse_erased(given: Campaign, gone: Collection[UserId]) -> None:
    """Refuse a campaign that names one of the users who were erased.

    Raises:
        Conflict: `user_erased`, naming the place in the audience, or the candidate times.
    """
    for place, user_id in enumerate(given.audience or ()):
        if user_id in gone:
            raise erased.user_erased(f"/audience/{place}")
    if users_of(given) & set(gone):
        raise erased.user_erased("/candidate_times")


def require_definition(tx: TenantWrite, campaign_id: CampaignId, definition: Any) -> None:
    """Refuse to go on where the campaign has another definition by now; it cannot change in `tx`.

    Raises:
        NotFound: `campaign_unknown`.
        Conflict: `campaign_changed`.
    """
    revision = lock_campaign(tx, campaign_id).revision
    held = tx.scalar(
        sa.select(campaign_revision.c.definition_hash).where(is_revision(tx, campaign_id, revision))
    )
    if held != fingerprint(definition):
        raise campaign_changed(campaign_id)


def accepted_as(tx: TenantRead, definition: Any) -> StoredCampaign | None:
    """Return the campaign that has exactly this definition now; None if there is none."""
    named = definition.get("campaign_id") if isinstance(definition, dict) else None
    if not isinstance(named, str):
        return None
    held = campaign_revision.c.definition_hash == fingerprint(definition)
    found = _stored(tx, campaign.c.campaign_id == named, held)
    return found[0] if found else None


def is_there(tx: TenantRead, campaign_id: CampaignId) -> bool:
    """Tell whether there is a campaign of this id."""
    there = sa.select(campaign.c.campaign_id).where(is_campaign(tx, campaign_id))
    return tx.scalar(there) is not None


def get_campaign(tx: TenantRead, campaign_id: CampaignId) -> StoredCampaign:
    """Return the campaign as it was given last.

    Raises:
        NotFound: `campaign_unknown`.
    """
    stored = get_campaigns(tx, [campaign_id]).get(campaign_id)
    if stored is None:
        raise campaign_unknown()
    return stored


def get_campaigns(
    tx: TenantRead, campaign_ids: Collection[CampaignId]
) -> dict[CampaignId, StoredCampaign]:
    """Return those of these campaigns that are there, as they were given last."""
    return {
        stored.campaign_id: stored
        for some in chunks(set(campaign_ids))
        for stored in _stored(tx, campaign.c.campaign_id.in_(some))
    }


def phase_of(tx: TenantRead, campaign_id: CampaignId, *, now: datetime) -> CampaignPhase:
    """Return how far the campaign has come.

    Raises:
        NotFound: `campaign_unknown`.
    """
    phase = tx.scalar(sa.select(phase_at(now)).where(is_campaign(tx, campaign_id)))
    if phase is None:
        raise campaign_unknown()
    return CampaignPhase(phase)


def lock_campaign(tx: TenantWrite, campaign_id: CampaignId) -> CampaignLife:
    """Return the campaign, which nobody else commits, edits or cancels until `tx` ends.

    Raises:
        NotFound: `campaign_unknown`.
    """
    row = tx.execute(
        sa.select(*_LIFE).where(is_campaign(tx, campaign_id)).with_for_update()
    ).one_or_none()
    if row is None:
        raise campaign_unknown()
    return CampaignLife(**row._asdict())


def hold_campaigns(
    tx: TenantWrite, campaign_ids: Collection[CampaignId]
) -> dict[CampaignId, CampaignLife]:
    """Return those of these campaigns that are there.

    Nobody commits, edits or cancels them until `tx` ends; others may hold them as well.
    """
    rows = tx.execute(
        sa.select(*_LIFE)
        .where(tx.owns(campaign), campaign.c.campaign_id.in_(campaign_ids))
        .order_by(campaign.c.campaign_id)
        .with_for_update(read=True)
    )
    return {CampaignId(row.campaign_id): CampaignLife(**row._asdict()) for row in rows}


def require_committed(tx: TenantWrite, campaign_id: CampaignId) -> CampaignLife:
    """Return the campaign, locked, if something of it can still go out.

    Raises:
        NotFound: `campaign_unknown`.
        Conflict: `campaign_cancelled`, `campaign_not_committed`.
    """
    stored = lock_campaign(tx, campaign_id)
    if stored.cancelled_at is not None:
        raise campaign_cancelled(campaign_id)
    if stored.is_draft:
        raise campaign_not_committed(campaign_id)
    return stored


def is_campaign(tx: TenantRead, campaign_id: CampaignId) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `campaign` is the tenant's one of this id."""
    return sa.and_(tx.owns(campaign), campaign.c.campaign_id == campaign_id)


def is_revision(tx: TenantRead, campaign_id: CampaignId, revision: int) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `campaign_revision` is this one."""
    return sa.and_(
        tx.owns(campaign_revision),
        campaign_revision.c.campaign_id == campaign_id,
        campaign_revision.c.revision == revision,
    )


def fingerprint(definition: Any) -> str:
    """Return the SHA-256 of a definition, whatever the order of its keys."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def campaign_changed(campaign_id: CampaignId) -> Conflict:
    """Return the refusal of a plan of what is not the campaign's definition any more."""
    return Conflict(
        f"the campaign {quoted(campaign_id)} was edited while it was planned",
        code="campaign_changed",
        field="/campaign_id",
        expected="the definition that is stored",
        hint="nothing was committed: look at what is there now, and commit that",
    )


def campaign_cancelled(campaign_id: CampaignId) -> Conflict:
    """Return the refusal of what cannot be done with a campaign that was cancelled."""
    return Conflict(
        f"the campaign {quoted(campaign_id)} was cancelled",
        code="campaign_cancelled",
        expected="a campaign that still stands",
        hint="put it again under a new campaign_id",
    )


def campaign_not_committed(campaign_id: CampaignId) -> Conflict:
    """Return the refusal of what can only be done with a campaign that goes out."""
    return Conflict(
        f"the campaign {quoted(campaign_id)} is a draft: nothing of it goes out yet",
        code="campaign_not_committed",
        expected="a campaign that was committed",
        hint="a draft is edited by putting it again, and goes out when it is committed",
    )


def _stored(tx: TenantRead, *which: sa.ColumnElement[bool]) -> list[StoredCampaign]:
    rows = tx.execute(
        sa.select(
            *_LIFE,
            campaign_revision.c.definition,
            campaign_revision.c.rules,
            campaign_revision.c.accepted_at.label("changed_at"),
        )
        .join_from(campaign, campaign_revision, same_campaign(campaign_revision))
        .where(
            tx.owns(campaign),
            campaign_revision.c.revision == campaign.c.revision,
            *which,
        )
    )
    return [StoredCampaign(**row._asdict()) for row in rows]


def campaign_unknown() -> NotFound:
    """Return the answer to the id of a campaign that is not there."""
    return NotFound("there is no such campaign", code="campaign_unknown", field="campaign_id")


def _campaign_conflict(campaign_id: CampaignId) -> Conflict:
    return Conflict(
        f"the campaign {quoted(campaign_id)} is there with another definition",
        code="campaign_conflict",
        field="/campaign_id",
        expected="the definition that it was committed with; until then it can be changed",
        hint="revise it: who has not been sent to gets the new definition",
    )
