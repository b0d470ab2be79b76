"""Users: the zone of their profile, and whether they may be reached at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.errors import NotFound
from sendopt.records import TenantId, UserId
from sendopt.state.engine import Transaction, insert
from sendopt.state.tables import Instant, app_user


@dataclass(frozen=True, slots=True)
class User:
    """One of a tenant's users, as far as it has told us."""

    user_id: UserId
    timezone: str | None  # IANA; the profile's, a device may know better
    opted_out_at: datetime | None  # from then on nothing is sent


def put(
    tx: Transaction, tenant_id: TenantId, user_id: UserId, *, timezone: str | None, now: datetime
) -> None:
    """Create or update the user. An opt-out stays: only the user's own word could end it."""
    tx.execute(
        insert(tx, app_user)
        .values(tenant_id=tenant_id, user_id=user_id, timezone=timezone, updated_at=now)
        .on_conflict_do_update(
            index_elements=["tenant_id", "user_id"],
            set_={"timezone": timezone, "updated_at": now},
        )
    )


def ensure(tx: Transaction, tenant_id: TenantId, user_id: UserId, *, now: datetime) -> None:
    """Make sure that the user exists, and change nothing where it does."""
    tx.execute(
        insert(tx, app_user)
        .values(tenant_id=tenant_id, user_id=user_id, updated_at=now)
        .on_conflict_do_nothing(index_elements=["tenant_id", "user_id"])
    )


def opt_out(tx: Transaction, tenant_id: TenantId, user_id: UserId, *, now: datetime) -> None:
    """Note that the user wants nothing more, known before or not; the first time stays."""
    tx.execute(
        insert(tx, app_user)
        .values(tenant_id=tenant_id, user_id=user_id, opted_out_at=now, updated_at=now)
        .on_conflict_do_update(
            index_elements=["tenant_id", "user_id"],
            set_={
                "opted_out_at": sa.func.coalesce(app_user.c.opted_out_at, sa.literal(now, Instant)),
                "updated_at": now,
            },
        )
    )


def get(tx: Transaction, tenant_id: TenantId, user_id: UserId) -> User:
    """Return the user.

    Raises:
        NotFound: `user_unknown`.
    """
    row = tx.execute(
        _USERS.where(app_user.c.tenant_id == tenant_id, app_user.c.user_id == user_id)
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such user", code="user_unknown", field="user_id")
    return _user(row)


def everyone(tx: Transaction, tenant_id: TenantId) -> Iterator[User]:
    """Yield all the tenant's users by id, opted out or not; within the transaction."""
    rows = tx.execute(
        _USERS.where(app_user.c.tenant_id == tenant_id).order_by(app_user.c.user_id),
        execution_options={"yield_per": 10_000},
    )
    return map(_user, rows)


_USERS = sa.select(app_user)


def _user(row: sa.Row[Any]) -> User:
    return User(UserId(row.user_id), row.timezone, row.opted_out_at)
