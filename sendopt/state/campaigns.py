"""Campaigns as they were given: put, edited while they are drafts, and read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from sendopt.errors import Conflict, NotFound
from sendopt.records import Campaign, CampaignId, TenantId
from sendopt.state import erased
from sendopt.state.engine import insert
from sendopt.state.row_hash import hash_of
from sendopt.state.tables_campaigns import campaign, variant
from sendopt.state.transaction import TenantRead, TenantWrite
from sendopt.text import quoted

_CAMPAIGNS = sa.select(
    campaign.c.campaign_id,
    campaign.c.definition,
    campaign.c.created_at,
    campaign.c.committed_at,
    campaign.c.cancelled_at,
    campaign.c.rules,
)


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


def put_campaign(
    tx: TenantWrite, given: Campaign, definition: Any, *, rules: dict[str, Any], now: datetime
) -> Put:
    """Store a campaign with its definition, its variants and the rules under which it is accepted.

    As long as nothing of it was committed another definition takes the place of the first.

    Raises:
        Conflict: `campaign_conflict`, `campaign_cancelled`, if it was committed or cancelled with
            another definition; `user_erased`, naming the place in the audience.
    """
    _refuse_erased(tx, given)
    told = {"definition": definition, "definition_hash": fingerprint(definition), "rules": rules}
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
    of_campaign = is_campaign(tx, given.campaign_id)
    stored = tx.execute(sa.select(campaign).where(of_campaign).with_for_update()).one()
    repeated = stored.definition_hash == told["definition_hash"]
    is_draft = stored.committed_at is None and stored.cancelled_at is None
    if repeated and (stored.rules is not None or not is_draft):
        return Put.REPEATED
    if stored.cancelled_at is not None:
        raise campaign_cancelled(given.campaign_id)
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


def _refuse_erased(tx: TenantWrite, given: Campaign) -> None:
    gone = erased.among(tx, given.audience or ())
    for place, user_id in enumerate(given.audience or ()):
        if user_id in gone:
            raise erased.user_erased(f"/audience/{place}")


def require_definition(tx: TenantWrite, campaign_id: CampaignId, definition: Any) -> None:
    """Refuse to go on where the campaign has another definition by now; it cannot change in `tx`.

    Raises:
        NotFound: `campaign_unknown`.
        Conflict: `campaign_changed`.
    """
    stored = lock_campaign(tx, campaign_id)
    if fingerprint(stored.definition) != fingerprint(definition):
        raise Conflict(
            f"the campaign {quoted(campaign_id)} was edited while it was planned",
            code="campaign_changed",
            field="/campaign_id",
            expected="the definition that is stored",
            hint="nothing was committed: look at what is there now, and commit that",
        )


def accepted_as(tx: TenantRead, definition: Any) -> StoredCampaign | None:
    """Return the campaign that exactly this definition was stored as; None if it never was."""
    named = definition.get("campaign_id") if isinstance(definition, dict) else None
    if not isinstance(named, str):
        return None
    row = tx.execute(
        _CAMPAIGNS.where(
            is_campaign(tx, CampaignId(named)),
            campaign.c.definition_hash == fingerprint(definition),
        )
    ).one_or_none()
    return None if row is None else StoredCampaign(**row._asdict())


def get_campaign(tx: TenantRead, campaign_id: CampaignId) -> StoredCampaign:
    """Return the campaign as it was given.

    Raises:
        NotFound: `campaign_unknown`.
    """
    return _stored_campaign(tx, _CAMPAIGNS.where(is_campaign(tx, campaign_id)))


def lock_campaign(tx: TenantWrite, campaign_id: CampaignId) -> StoredCampaign:
    """Return the campaign, which nobody else commits, edits or cancels until `tx` ends.

    Raises:
        NotFound: `campaign_unknown`.
    """
    return _stored_campaign(tx, _CAMPAIGNS.where(is_campaign(tx, campaign_id)).with_for_update())


def _stored_campaign(tx: TenantRead, query: sa.Select[Any]) -> StoredCampaign:
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such campaign", code="campaign_unknown", field="campaign_id")
    return StoredCampaign(**row._asdict())


def is_campaign(tx: TenantRead, campaign_id: CampaignId) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `campaign` is the tenant's one of this id."""
    return sa.and_(tx.owns(campaign), campaign.c.campaign_id == campaign_id)


def campaign_cancelled(campaign_id: CampaignId) -> Conflict:
    """Return the refusal of what cannot be done with a campaign that was cancelled."""
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


def fingerprint(definition: Any) -> str:
    """Return the SHA-256 of a definition, whatever the order of its keys."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _variant_rows(tenant_id: TenantId, given: Campaign) -> list[dict[str, Any]]:
    return [
        {"tenant_id": tenant_id, "campaign_id": given.campaign_id, **asdict(wording)}
        for wording in given.variants
    ]
