"""Why a send has its time, as rows: beside the send and in a basis, or in a row of its own.

What many decisions of a campaign have in common is a row of `decision_basis`, and only the rest
stands with each send. What was asked for one by one shares nothing: its decision is a row of
`decision`, with a JSON array of its slots, `[starts_at, open_probability, excluded_by, logit_sd]`
each, the last one only where it is known. So did an earlier release with every send.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from sendopt.records import (
    AbstentionReason,
    Basis,
    CampaignId,
    Decision,
    Exclusion,
    ExplorationBound,
    FallbackReason,
    Policy,
    SendId,
    ServedBy,
    Slot,
    TenantId,
    VariantEvidence,
    ZoneSource,
    decision_on,
)
from sendopt.state.chunks import chunks
from sendopt.state.json_text import json_text
from sendopt.state.same_send import same_send
from sendopt.state.tables import decision, planned_send
from sendopt.state.tables_campaigns import decision_basis
from sendopt.state.transaction import TenantRead, TenantWrite

_Words = TypeVar("_Words", bound=StrEnum)

_BASES_AT_ONCE = 1_000

#: For queries over many sends; where each of them comes from `with_decisions`.
TIMEZONE = sa.func.coalesce(decision_basis.c.timezone, decision.c.timezone)
VARIANT_PROPENSITY = sa.func.coalesce(
    planned_send.c.variant_propensity, decision.c.variant_propensity
)


def with_decisions() -> sa.Join:
    """Return the planned sends, each with what was decided of it, in whatever form that is."""
    return planned_send.outerjoin(decision_basis, same_basis()).outerjoin(
        decision, same_send(decision)
    )


def same_basis() -> sa.ColumnElement[bool]:
    """Return the condition that a row of `decision_basis` is that of the planned send beside it."""
    return sa.and_(
        decision_basis.c.tenant_id == planned_send.c.tenant_id,
        decision_basis.c.campaign_id == planned_send.c.campaign_id,
        decision_basis.c.number == planned_send.c.basis,
    )


def decision_of(tx: TenantRead, send: sa.Row[Any]) -> Decision | None:
    """Return why a send has its time; None = the state has lost it.

    Args:
        tx: the transaction.
        send: its columns.
    """
    if send.basis is None:
        rows = sa.select(decision).where(tx.owns(decision), decision.c.send_id == send.send_id)
        row = tx.execute(rows).one_or_none()
        return None if row is None else _decision(row)
    basis = decision_basis.c
    rows = sa.select(decision_basis).where(
        tx.owns(decision_basis),
        basis.campaign_id == send.campaign_id,
        basis.number == send.basis,
    )
    row = tx.execute(rows).one_or_none()
    if row is None:
        return None
    return decision_on(
        _basis(row),
        send.scores,
        send_id=SendId(send.send_id),
        chosen_at=send.due_at,
        propensity=send.propensity,
        gain_probability=send.gain_probability,
        explored=send.explored,
        variant_propensity=send.variant_propensity,
        timezone_confidence=send.timezone_confidence,
        quiet_offsets=None if send.quiet_offsets is None else tuple(send.quiet_offsets),
    )


def decision_row(tenant_id: TenantId, reason: Decision) -> dict[str, Any]:
    """Return the columns of a decision that has a row of its own."""
    slots = [
        [slot.starts_at.isoformat(), slot.open_probability, slot.excluded_by]
        + ([] if slot.logit_sd is None else [slot.logit_sd])
        for slot in reason.slots
    ]
    given = {each.name: getattr(reason, each.name) for each in fields(reason)}
    return given | {"tenant_id": tenant_id, "slots": json_text(slots)}


def numbers_of(tx: TenantWrite, campaign_id: CampaignId, bases: Sequence[Basis]) -> list[int]:
    """Return the numbers of these bases within the campaign; those that it lacks are stored.

    Args:
        tx: holds the lock of the campaign.
        campaign_id: of which campaign.
        bases: of which several may say the same.
    """
    of_campaign = sa.and_(tx.owns(decision_basis), decision_basis.c.campaign_id == campaign_id)
    rows = [_basis_row(basis) for basis in bases]
    known: dict[str, int] = {}
    for some in chunks(row["content_hash"] for row in rows):
        found = sa.select(decision_basis.c.content_hash, decision_basis.c.number).where(
            of_campaign, decision_basis.c.content_hash.in_(some)
        )
        known.update((each.content_hash, each.number) for each in tx.execute(found))
    new = {row["content_hash"]: row for row in rows if row["content_hash"] not in known}
    if new:
        last = tx.scalar(sa.select(sa.func.max(decision_basis.c.number)).where(of_campaign)) or 0
        for number, row in enumerate(new.values(), start=last + 1):
            row |= {"tenant_id": tx.tenant_id, "campaign_id": campaign_id, "number": number}
            known[row["content_hash"]] = number
        for some_rows in chunks(list(new.values()), _BASES_AT_ONCE):
            tx.execute(sa.insert(decision_basis), some_rows)
    return [known[row["content_hash"]] for row in rows]


def _basis_row(basis: Basis) -> dict[str, Any]:
    row = {
        "slots": json_text(
            [[slot.starts_at.isoformat(), slot.excluded_by] for slot in basis.slots]
        ),
        "policy": basis.policy,
        "binding_constraint": basis.binding_constraint,
        "fallback_reason": basis.fallback_reason,
        "model_version": basis.model_version,
        "log_snapshot": basis.log_snapshot,
        "timezone": basis.timezone,
        "timezone_source": basis.timezone_source,
        "served_by": basis.served_by,
        "abstention_reason": basis.abstention_reason,
        "exploration_bound_by": basis.exploration_bound_by,
        "variant_evidence": basis.variant_evidence,
        "variant_confidence": basis.variant_confidence,
        "send_propensity": basis.send_propensity,
        "zone_database": basis.zone_database,
    }
    content = json_text([*map(str, row), *row.values()])
    return row | {"content_hash": blake2b(content.encode(), digest_size=16).hexdigest()}


def _basis(row: sa.Row[Any]) -> Basis:
    return Basis(
        slots=slots_of_basis(row.slots),
        policy=word(Policy, row.policy),
        binding_constraint=_known(Exclusion, row.binding_constraint),
        fallback_reason=_known(FallbackReason, row.fallback_reason),
        model_version=row.model_version,
        log_snapshot=row.log_snapshot,
        timezone=row.timezone,
        timezone_source=word(ZoneSource, row.timezone_source),
        served_by=None if row.served_by is None else ServedBy(row.served_by),
        abstention_reason=_known(AbstentionReason, row.abstention_reason),
        exploration_bound_by=_known(ExplorationBound, row.exploration_bound_by),
        variant_evidence=_known(VariantEvidence, row.variant_evidence),
        variant_confidence=row.variant_confidence,
        send_propensity=row.send_propensity,
        zone_database=row.zone_database,
    )


def _decision(row: sa.Row[Any]) -> Decision:
    return Decision(
        send_id=SendId(row.send_id),
        slots=earlier_slots(row.slots),
        chosen_at=row.chosen_at,
        propensity=row.propensity,
        policy=word(Policy, row.policy),
        binding_constraint=_known(Exclusion, row.binding_constraint),
        fallback_reason=_known(FallbackReason, row.fallback_reason),
        model_version=row.model_version,
        log_snapshot=row.log_snapshot,
        timezone=row.timezone,
        timezone_source=word(ZoneSource, row.timezone_source),
        served_by=None if row.served_by is None else ServedBy(row.served_by),
        gain_probability=row.gain_probability,
        abstention_reason=_known(AbstentionReason, row.abstention_reason),
        explored=row.explored,
        exploration_bound_by=_known(ExplorationBound, row.exploration_bound_by),
        variant_propensity=row.variant_propensity,
        variant_evidence=_known(VariantEvidence, row.variant_evidence),
        variant_confidence=row.variant_confidence,
        timezone_confidence=row.timezone_confidence,
        quiet_offsets=None if row.quiet_offsets is None else tuple(row.quiet_offsets),
        send_propensity=row.send_propensity,
        zone_database=row.zone_database,
    )


def slots_of_basis(told: Iterable[Sequence[Any]]) -> tuple[Slot, ...]:
    """Return the slots in a row of `decision_basis`, of which nothing is said yet."""
    return tuple(
        Slot(datetime.fromisoformat(starts_at), None, _known(Exclusion, excluded_by))
        for starts_at, excluded_by in told
    )


def earlier_slots(told: Iterable[Sequence[Any]]) -> tuple[Slot, ...]:
    """Return the slots in a row of `decision`."""
    return tuple(
        Slot(
            datetime.fromisoformat(starts_at),
            open_probability,
            _known(Exclusion, excluded_by),
            logit_sd[0] if logit_sd else None,
        )
        for starts_at, open_probability, excluded_by, *logit_sd in told
    )


def _known(words: type[_Words], text: str | None) -> _Words | None:
    return None if text is None else word(words, text)


def word(words: type[_Words], text: str) -> _Words:
    """Return the member that is `text`; a word of another release is shown as it is stored."""
    try:
        return words(text)
    except ValueError:
        return cast("_Words", text)
