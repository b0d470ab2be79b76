"""Devices: the addresses under which a user can be reached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.errors import Conflict, NotFound
from sendopt.records import Channel, Device, DeviceId, UserId
from sendopt.state import users
from sendopt.state.engine import insert
from sendopt.state.row_hash import hash_of
from sendopt.state.tables import device as devices
from sendopt.state.transaction import TenantRead, TenantWrite

#: User ids of one statement; SQLite takes 32,766 parameters.
_CHUNK = 10_000


def register(tx: TenantWrite, device: Device, *, now: datetime) -> Device:
    """Store the device, or bring what is stored up to date, and return it as stored.

    The same address is the same device: registered again by its user it keeps its id, and a dead
    one lives again. The user is created where it was unknown.

    Raises:
        Conflict: `token_conflict`, if the address or the id belongs to another user; the message
            repeats neither, nor tells whose it is.
    """
    users.ensure(tx, device.user_id, now=now)
    values = {
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
    fresh = tx.scalar(
        insert(tx, devices)
        .values(tenant_id=tx.tenant_id, device_id=device.device_id, **values)
        .on_conflict_do_nothing()
        .returning(devices.c.device_id)
    )
    if fresh is not None:
        return device
    device_id = _same_device(tx, device)
    tx.execute(
        sa.update(devices)
        .where(tx.owns(devices), devices.c.device_id == device_id)
        .values(
            **values,
            row_hash=hash_of(devices, values | {"tenant_id": tx.tenant_id, "device_id": device_id}),
        )
    )
    return replace(device, device_id=device_id)


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
        raise NotFound("there is no such device", code="device_unknown", field="device_id")
    return _device(row)


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
    alive = (
        sa.select(devices)
        .where(
            tx.owns(devices),
            devices.c.channel == str(channel),
            devices.c.dead_at.is_(None),
        )
        .order_by(devices.c.user_id, devices.c.registered_at, devices.c.device_id)
    )
    if user_ids is None:
        return [_device(row) for row in tx.execute(alive)]
    return [
        _device(row)
        for chunk in _chunks(sorted(set(user_ids)))
        for row in tx.execute(alive.where(devices.c.user_id.in_(chunk)))
    ]


def _same_device(tx: TenantWrite, device: Device) -> DeviceId:
    """Return the id of the stored device that has this address, else of the one with this id."""
    by_address = sa.and_(
        devices.c.channel == str(device.channel), devices.c.address_hash == fingerprint(device)
    )
    rows = tx.execute(
        sa.select(devices.c.device_id, devices.c.user_id)
        .where(
            tx.owns(devices),
            sa.or_(by_address, devices.c.device_id == device.device_id),
        )
        .order_by(sa.case((by_address, 0), else_=1))
        .with_for_update()
    ).all()
    if any(row.user_id != device.user_id for row in rows):
        raise Conflict(
            "this device is registered for another user",
            code="token_conflict",
            expected="an address and an id that no other user has",
        )
    return DeviceId(rows[0].device_id)


def _device(row: sa.Row[Any]) -> Device:
    return Device(
        device_id=DeviceId(row.device_id),
        user_id=UserId(row.user_id),
        channel=Channel(row.channel),
        address=row.address,
        platform=row.platform,
        timezone=row.timezone,
    )


def _chunks(user_ids: Sequence[UserId]) -> Iterator[Sequence[UserId]]:
    return (user_ids[start : start + _CHUNK] for start in range(0, len(user_ids), _CHUNK))
