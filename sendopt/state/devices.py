"""Devices: the addresses under which a user can be reached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.errors import NotFound
from sendopt.records import Channel, Device, DeviceId, Registration, UserId
from sendopt.state import users
from sendopt.state.chunks import chunks
from sendopt.state.engine import insert
from sendopt.state.row_hash import hash_of
from sendopt.state.tables import device as devices
from sendopt.state.transaction import TenantRead, TenantWrite


def register(
    tx: TenantWrite,
    device: Device,
    *,
    now: datetime,
    taken_back: frozenset[str] = frozenset(),
    by_id_of_own_alone: bool = False,
) -> Device:
    """Store the device, or bring what is stored up to date, and return it as stored.

    The same address, or the same id, is the same device. Registered again it keeps its id, and
    the platform and the zone that are neither said anew nor `taken_back`; a dead one lives again.
    Registered for another user it is that user's from then on: whoever uses a shared browser next
    must not be shown the former one's messages. Where the address is of one device and the id of
    another, the one with the address stays, for which messages may be planned, and the other is
    forgotten: its installation has this address now. The user is created where it was unknown.

    Args:
        tx: of the tenant.
        device: as it says of itself.
        now: when.
        taken_back: what it no longer says of itself.
        by_id_of_own_alone: refuse the id of another user's device, unless that has this address:
            who names an id has not shown that it holds the device.

    Raises:
        NotFound: `device_unknown`, of such an id.
    """
    users.ensure(tx, device.user_id, now=now)
    known = None
    while known is None:  # one that stood in the way may be logged out before it is read
        fresh = tx.scalar(
            insert(tx, devices)
            .values(tenant_id=tx.tenant_id, device_id=device.device_id, **values_of(device, now))
            .on_conflict_do_nothing()
            .returning(devices.c.device_id)
        )
        if fresh is not None:
            return device
        known = _same_device(tx, device, by_id_of_own_alone=by_id_of_own_alone)
    told = brought_up_to_date(known, Registration(device, taken_back))
    values = values_of(told, now)
    hashed = values | {"tenant_id": tx.tenant_id, "device_id": told.device_id}
    tx.execute(
        sa.update(devices)
        .where(tx.owns(devices), devices.c.device_id == told.device_id)
        .values(**values, row_hash=hash_of(devices, hashed))
    )
    return told


def brought_up_to_date(known: Device, said: Registration) -> Device:
    """Return what is stored of a device that was known before, once something is said of it."""
    kept = {
        name: getattr(known, name)
        for name in ("platform", "timezone")
        if getattr(said.device, name) is None and name not in said.taken_back
    }
    return replace(said.device, device_id=known.device_id, **kept)


def values_of(device: Device, now: datetime) -> dict[str, Any]:
    """Return the columns of a device that was registered just now, beside its key."""
    return {
        "user_id": device.user_id,
        "channel": str(device.channel),
        "address": device.address,
        "address_hash": fingerprint(device),
        "platform": device.platform,
        "timezone": device.timezone,
        "registered_at": now,
        "dead_at": None,
        "dead_reason": None,
    }


def delete(tx: TenantWrite, device_id: DeviceId, *, of_user: UserId | None = None) -> None:
    """Forget a device: its user has logged out there. What is planned for it goes out nowhere.

    Raises:
        NotFound: `device_unknown`, also where it is not `of_user`; None = whosever.
    """
    gone = sa.delete(devices).where(tx.owns(devices), devices.c.device_id == device_id)
    if of_user is not None:
        gone = gone.where(devices.c.user_id == of_user)
    if tx.execute(gone).rowcount == 0:
        raise _unknown()


def fingerprint(device: Device) -> str:
    """Return what makes an address that address: the SHA-256 of its part that never changes.

    A push endpoint belongs to one installation, whatever keys it uses. A webhook belongs to the
    tenant and serves many users, each of which counts as a device of its own.
    """
    match device.channel:
        case Channel.WEB_PUSH:
            identity = [device.address["endpoint"]]
        case Channel.WEBHOOK:
            identity = [device.address["url"], device.user_id]
        case Channel.SIMULATOR:
            identity = [device.user_id]
    return hashlib.sha256(json.dumps([device.channel, *identity]).encode()).hexdigest()


def mark_dead(
    tx: TenantWrite,
    device_id: DeviceId,
    *,
    reason: str,
    now: datetime,
    asked_at: datetime | None = None,
) -> None:
    """Note that the provider knows the address no more; the first reason stays.

    A device that was registered again since the provider was asked, at `asked_at`, lives on: the
    answer was about its former address.
    """
    tx.execute(
        sa.update(devices)
        .where(
            tx.owns(devices),
            devices.c.device_id == device_id,
            devices.c.dead_at.is_(None),
            devices.c.registered_at <= (asked_at or now),
        )
        .values(dead_at=now, dead_reason=reason)
    )


def get(tx: TenantRead, device_id: DeviceId) -> Device:
    """Return the device, dead or alive.

    Raises:
        NotFound: `device_unknown`.
    """
    row = tx.execute(
        sa.select(devices).where(tx.owns(devices), devices.c.device_id == device_id)
    ).one_or_none()
    if row is None:
        raise _unknown()
    return device_of(row)


def reachable(
    tx: TenantRead,
    *,
    channel: Channel,
    user_ids: Sequence[UserId] | None = None,
) -> list[Device]:
    """Return the living devices of a channel, of all users or these.

    They stand in the order of users, and within a user the one registered last stands last.
    Whether the user wants to be reached is not asked here.
    """
    if user_ids is None:
        rows = tx.execute(_alive(tx).where(devices.c.channel == str(channel)))
        return [device_of(row) for row in rows]
    return [device for device in living(tx, user_ids) if device.channel is channel]


def living(tx: TenantRead, user_ids: Collection[UserId]) -> list[Device]:
    """As `reachable`, on every channel.

    They are read by users alone: told a channel as well, SQLite would rather read everybody's of
    it.
    """
    return [
        device_of(row)
        for chunk in chunks(sorted(set(user_ids)))
        for row in tx.execute(_alive(tx).where(devices.c.user_id.in_(chunk)))
    ]


def _alive(tx: TenantRead) -> sa.Select[Any]:
    return (
        sa.select(devices)
        .where(tx.owns(devices), devices.c.dead_at.is_(None))
        .order_by(devices.c.user_id, devices.c.registered_at, devices.c.device_id)
    )


def _same_device(tx: TenantWrite, device: Device, *, by_id_of_own_alone: bool) -> Device | None:
    """Return the stored device that has this address, else the one with this id; forget the other.

    None if both have gone since they stood in the way.
    """
    by_address = sa.and_(
        devices.c.channel == str(device.channel), devices.c.address_hash == fingerprint(device)
    )
    rows = tx.execute(
        sa.select(devices)
        .where(tx.owns(devices), sa.or_(by_address, devices.c.device_id == device.device_id))
        .order_by(sa.case((by_address, 0), else_=1))
        .with_for_update()
    ).all()
    others = (row for row in rows if row.address_hash != fingerprint(device))
    if by_id_of_own_alone and any(row.user_id != device.user_id for row in others):
        raise _unknown()
    for superseded in rows[1:]:
        tx.execute(
            sa.delete(devices).where(tx.owns(devices), devices.c.device_id == superseded.device_id)
        )
    return device_of(rows[0]) if rows else None


def _unknown() -> NotFound:
    return NotFound("there is no such device", code="device_unknown", field="device_id")


def device_of(row: sa.Row[Any]) -> Device:
    """Return the device that a row holds."""
    return Device(
        device_id=DeviceId(row.device_id),
        user_id=UserId(row.user_id),
        channel=Channel(row.channel),
        address=row.address,
        platform=row.platform,
        timezone=row.timezone,
    )
