"""A tenant's users by id, and their devices, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.records import Channel, DeviceId, UserId
from sendopt.state.pages import Page, read_page
from sendopt.state.tables import app_user, device
from sendopt.state.tables_erasure import erasure
from sendopt.state.transaction import TenantRead
from sendopt.state.users import User

_SHOWN = (
    device.c.device_id,
    device.c.user_id,
    device.c.channel,
    device.c.platform,
    device.c.timezone,
    device.c.registered_at,
    device.c.dead_at,
    device.c.dead_reason,
)


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device without its address, which is never shown."""

    device_id: DeviceId
    user_id: UserId
    channel: Channel
    platform: str | None
    timezone: str | None
    registered_at: datetime
    dead_at: datetime | None  # since when its provider knows it no more
    dead_reason: str | None


def page_of_users(
    tx: TenantRead, *, opted_out: bool | None, behind: UserId | None, limit: int
) -> Page[User]:
    """Return up to `limit` users behind one; None = from the beginning.

    Args:
        tx: of the tenant.
        opted_out: only users who want nothing more, or only the others; None = all.
        behind: the last user of the page before.
        limit: most users of a page.
    """
    # Who was erased is unknown at once, and in the rows until the erasure has come to them.
    being_erased = sa.select(erasure.c.user_id).where(
        tx.owns(erasure), erasure.c.done_at.is_(None), erasure.c.user_id.is_not(None)
    )
    conditions = [tx.owns(app_user), app_user.c.user_id.not_in(being_erased)]
    if opted_out is not None:
        out = app_user.c.opted_out_at
        conditions.append(out.is_not(None) if opted_out else out.is_(None))
    if behind is not None:
        conditions.append(app_user.c.user_id > behind)
    query = (
        sa.select(app_user.c.user_id, app_user.c.timezone, app_user.c.opted_out_at)
        .where(*conditions)
        .order_by(app_user.c.user_id)
    )
    by_id = app_user.c.user_id
    return read_page(tx, query, _user, place=(by_id,), named_by=by_id, limit=limit)


def page_of_devices(
    tx: TenantRead,
    *,
    user_id: UserId | None,
    dead: bool | None,
    behind: DeviceId | None,
    limit: int,
) -> Page[ListedDevice]:
    """Return up to `limit` devices behind one, by id; None = from the beginning.

    Args:
        tx: of the tenant.
        user_id: only this user's; None = everybody's.
        dead: only those that their provider knows no more, or only the others; None = all.
        behind: the last device of the page before.
        limit: most devices of a page.
    """
    conditions = [tx.owns(device)]
    if user_id is not None:
        conditions.append(device.c.user_id == user_id)
    if dead is not None:
        conditions.append(device.c.dead_at.is_not(None) if dead else device.c.dead_at.is_(None))
    if behind is not None:
        conditions.append(device.c.device_id > behind)
    query = sa.select(*_SHOWN).where(*conditions).order_by(device.c.device_id)
    by_id = device.c.device_id
    return read_page(tx, query, _device, place=(by_id,), named_by=by_id, limit=limit)


def _user(row: sa.Row[Any]) -> User:
    return User(UserId(row.user_id), row.timezone, row.opted_out_at)


def _device(row: sa.Row[Any]) -> ListedDevice:
    return ListedDevice(**{**row._asdict(), "channel": Channel(row.channel)})
