"""A tenant's limits over all campaigns, version by version: what was decided under one stays told.

They are stored as JSON: durations in whole seconds, channels and types by their names.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from sendopt.errors import InvariantBroken, NotFound
from sendopt.records import NO_LIMITS, Capacity, Channel, FrequencyCap, SendingLimits, TenantId
from sendopt.state import tenants
from sendopt.state.damage import NOT_A_VALUE, Unreadable, damage_of, readable
from sendopt.state.tables_limits import sending_limits
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class StoredLimits:
    """A version of a tenant's limits."""

    limits: SendingLimits
    since: datetime


class PutLimits(NamedTuple):
    """What held before limits were put, and what holds now; the same if they say the same."""

    before: StoredLimits | None  # None = the tenant never said any
    holds: StoredLimits


def get(tx: TenantRead) -> SendingLimits:
    """Return the limits that hold; `NO_LIMITS` where the tenant never said any.

    Raises:
        InvariantBroken: `limits_damaged`.
    """
    newest = latest(tx)
    return NO_LIMITS if newest is None else newest.limits


def latest(tx: TenantRead) -> StoredLimits | None:
    """Return the limits that hold, and since when; None where the tenant never said any.

    Raises:
        InvariantBroken: `limits_damaged`.
    """
    row = tx.execute(
        sa.select(sending_limits)
        .where(tx.owns(sending_limits))
        .order_by(sending_limits.c.version.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _read(row)


def in_force(tx: FleetRead, tenants: Collection[TenantId]) -> dict[TenantId, SendingLimits | str]:
    """Return what holds for each of these tenants, or what is wrong with it."""
    if not tenants:
        return {}
    found: dict[TenantId, SendingLimits | str] = dict.fromkeys(tenants, NO_LIMITS)
    versions = sending_limits.c
    newest = (
        sa.select(versions.tenant_id, sa.func.max(versions.version).label("version"))
        .where(versions.tenant_id.in_(tenants))
        .group_by(versions.tenant_id)
    )
    for tenant_id, version in tx.execute(newest).all():
        one = sa.select(sending_limits).where(
            versions.tenant_id == tenant_id, versions.version == version
        )
        try:
            (row,) = readable(tx, one)
            found[TenantId(tenant_id)] = _limits(row.limits, version=version)
        except Unreadable:
            found[TenantId(tenant_id)] = f"sending_limits: {damage_of(tx, one)}"
        except NOT_A_VALUE as error:
            found[TenantId(tenant_id)] = f"sending_limits.limits: {type(error).__name__}"
    return found


def of_version(tx: TenantRead, version: int) -> StoredLimits:
    """Return the limits that held, or hold, under a number that decisions name.

    Raises:
        NotFound: `limits_unknown`.
        InvariantBroken: `limits_damaged`.
    """
    row = tx.execute(
        sa.select(sending_limits).where(
            tx.owns(sending_limits), sending_limits.c.version == version
        )
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"there is no version {version} of the limits",
            code="limits_unknown",
            field="version",
            hint="versions are counted from 1 on; the newest one holds",
        )
    return _read(row)


def put(tx: TenantWrite, limits: SendingLimits, *, now: datetime) -> PutLimits:
    """Let `limits` hold from now on, as the next version.

    What says the same as the limits that hold makes no version: they stay as they are.

    Raises:
        NotFound: `tenant_unknown`.
        InvariantBroken: `limits_damaged`, of those that hold.
    """
    tenants.lock(tx)
    held = latest(tx)
    before = NO_LIMITS.version if held is None else held.limits.version
    if held is not None and held.limits == replace(limits, version=before):
        return PutLimits(held, held)
    given = StoredLimits(replace(limits, version=before + 1), now)
    tx.execute(
        sa.insert(sending_limits).values(
            tenant_id=tx.tenant_id,
            version=given.limits.version,
            limits=_document(given.limits),
            since=now,
        )
    )
    return PutLimits(held, given)


def _document(limits: SendingLimits) -> dict[str, Any]:
    return {
        "caps": [
            {
                "at_most": cap.at_most,
                "within_seconds": cap.within // _SECOND,
                "message_type": cap.message_type,
            }
            for cap in limits.caps
        ],
        "least_gap_seconds": None if limits.least_gap is None else limits.least_gap // _SECOND,
        "weekly_budget": limits.weekly_budget,
        "capacities": [
            {"per_minute": capacity.per_minute, "channel": capacity.channel}
            for capacity in limits.capacities
        ],
        "message_cost": limits.message_cost,
        "no_send_share": limits.no_send_share,
        "legal_hours": limits.legal_hours,
    }


def _read(row: sa.Row[Any]) -> StoredLimits:
    try:
        return StoredLimits(_limits(row.limits, version=row.version), row.since)
    except NOT_A_VALUE as error:
        raise InvariantBroken(
            f"version {row.version} of the limits cannot be read",
            code="limits_damaged",
            hint="`sendopt verify` names the row; nothing is planned without its limits",
        ) from error


def _limits(document: dict[str, Any], *, version: int) -> SendingLimits:
    gap = document["least_gap_seconds"]
    return SendingLimits(
        version=version,
        caps=tuple(
            FrequencyCap(cap["at_most"], cap["within_seconds"] * _SECOND, cap["message_type"])
            for cap in document["caps"]
        ),
        least_gap=None if gap is None else gap * _SECOND,
        weekly_budget=document["weekly_budget"],
        capacities=tuple(
            Capacity(
                each["per_minute"], None if each["channel"] is None else Channel(each["channel"])
            )
            for each in document["capacities"]
        ),
        message_cost=document["message_cost"],
        no_send_share=document["no_send_share"],
        legal_hours=document["legal_hours"],
    )
