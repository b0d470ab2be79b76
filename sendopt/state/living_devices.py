"""Where users can be reached by now: for sends whose own device is there no more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sendopt.records import Channel, Device, DueSend, TenantId, UserId
from sendopt.state.damage import Unreadable, readable
from sendopt.state.devices import device_of
from sendopt.state.key_sets import is_one_of
from sendopt.state.tables import device
from sendopt.state.transaction import FleetRead


class Recipient(NamedTuple):
    """A user on a channel."""

    tenant_id: TenantId
    user_id: UserId
    channel: Channel


@dataclass(frozen=True, slots=True)
class LivingDevice:
    """A device of which no provider has said that it is gone, since it was last registered."""

    device: Device
    registered_at: datetime


def recipient_of(send: DueSend) -> Recipient:
    """Return whom a send is for."""
    return Recipient(send.tenant_id, send.user_id, send.channel)


def living_devices(
    tx: FleetRead, recipients: Collection[Recipient]
) -> dict[Recipient, list[LivingDevice]]:
    """Return the living devices of each, the one registered last first; () where there are none.

    A device that nobody can read is passed over.
    """
    found: dict[Recipient, list[LivingDevice]] = {each: [] for each in recipients}
    for row in _rows(tx, recipients):
        if _is_whole(row):
            found[Recipient(row.tenant_id, row.user_id, row.channel)].append(
                LivingDevice(device_of(row), row.registered_at)
            )
    return found


def _rows(tx: FleetRead, recipients: Collection[Recipient]) -> list[sa.Row[Any]]:
    if not recipients:
        return []
    known = device.c
    alive = (
        sa.select(known.tenant_id, known.device_id)
        .where(
            is_one_of((known.tenant_id, known.user_id, known.channel), recipients),
            known.dead_at.is_(None),
        )
        .order_by(known.registered_at.desc(), known.device_id.desc())
    )
    try:
        return readable(tx, alive.with_only_columns(*known))
    except Unreadable:
        rows = []
    for key in tx.execute(alive).all():
        one = sa.select(device).where(
            known.tenant_id == key.tenant_id, known.device_id == key.device_id
        )
        try:
            rows += readable(tx, one)
        except Unreadable:
            continue
    return rows


def _is_whole(row: Any) -> bool:
    texts = (row.platform, row.timezone)
    return isinstance(row.address, dict) and all(isinstance(each, str | None) for each in texts)
