"""The keys with which a tenant's programs come in.

A key reads `so_<key_id>_<secret>`, as `key_making` makes it; the prefix lets secret scanners
recognise a leaked key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.errors import Conflict, NotAuthorized, NotFound
from sendopt.records import BuiltInRole, Principal, TenantId
from sendopt.state import key_making, roles, tenants
from sendopt.state.tables import api_key
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite

_PREFIX = "so_"
_KEY = key_making.pattern(_PREFIX)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What may be shown of a key: never its secret."""

    key_id: str
    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None  # None = never
    revoked_at: datetime | None
    last_used_at: datetime | None  # to the hour; None = never, or not yet noted


@dataclass(frozen=True, slots=True)
class Known:
    """Whom a key speaks for, and since when its use has not been noted."""

    principal: Principal
    key_id: str
    last_used_at: datetime | None


def issue(
    tx: TenantWrite,
    *,
    name: str,
    role: str,
    expires_at: datetime | None,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> str:
    """Issue a key and return it; it is shown this once and cannot be read again.

    Args:
        tx: of the tenant whose key it will be.
        name: what the owner will recognise it by.
        role: what it may do.
        expires_at: from then on it is worthless; None = never.
        now: the time of issue.
        random_bytes: returns that many bytes nobody can foresee, as `secrets.token_bytes`.

    Raises:
        NotFound: `tenant_unknown`, `role_unknown`.
        InvalidInput: `key_expired`, `text_invalid` (the name).
    """
    tenants.lock(tx)
    roles.get(tx, role)
    key_making.check(name=name, expires_at=expires_at, now=now)
    key_id, secret = key_making.halves(random_bytes)
    tx.execute(
        sa.insert(api_key).values(
            tenant_id=tx.tenant_id,
            key_id=key_id,
            secret_hash=key_making.hash_of(secret),
            name=name,
            role=role,
            expires_at=expires_at,
            created_at=now,
        )
    )
    return f"{_PREFIX}{key_id}_{secret}"


def rotate(
    tx: TenantWrite,
    key_id: str,
    *,
    ends_at: datetime,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> str:
    """Issue the successor of a key, of the same name, role and length of life.

    The key itself ends at `ends_at`, if not before; until then both open the tenant, so that a
    program is given the new one without a gap.

    Raises:
        NotFound: `key_unknown`.
        Conflict: `key_dead`, of one that is revoked or has ended; `rotation_under_way`, while its
            predecessor is still alive.
    """
    tenants.lock(tx)
    alive = key_making.is_alive(api_key, now)
    row = tx.execute(
        sa.select(api_key, alive.label("alive")).where(tx.owns(api_key), api_key.c.key_id == key_id)
    ).one_or_none()
    if row is None:
        raise key_making.key_unknown()
    if not row.alive:
        raise Conflict("this key opens nothing any more", code="key_dead", field="key_id")
    others = tx.scalars(
        sa.select(api_key.c.key_id).where(
            tx.owns(api_key), api_key.c.name == row.name, api_key.c.key_id != key_id, alive
        )
    ).all()
    if others:
        raise Conflict(
            f"two keys of the name {row.name!r} are alive already, the other is {others[0]}",
            code="rotation_under_way",
            field="key_id",
            hint="revoke the one that nobody uses any more",
        )
    made = issue(
        tx,
        name=row.name,
        role=row.role or BuiltInRole.OWNER,
        expires_at=None if row.expires_at is None else now + (row.expires_at - row.created_at),
        now=now,
        random_bytes=random_bytes,
    )
    if row.expires_at is None or ends_at < row.expires_at:
        tx.execute(
            sa.update(api_key)
            .where(tx.owns(api_key), api_key.c.key_id == key_id)
            .values(expires_at=ends_at)
        )
    return made


def authenticate(tx: FleetRead, key: str, *, now: datetime) -> Known:
    """Return whose key this is, and what it may do: asked before any tenant is known.

    Raises:
        NotAuthorized: the same answer for no key at all, an unknown, a revoked and an expired one.
    """
    parts = _KEY.fullmatch(key)
    row = None
    if parts is not None:
        row = tx.execute(
            sa.select(api_key).where(
                api_key.c.key_id == parts[1], key_making.is_alive(api_key, now)
            )
        ).one_or_none()
    stored = None if row is None else row.secret_hash
    if not key_making.is_secret_of(parts, stored) or row is None:
        raise NotAuthorized(
            "no valid API key was given",
            expected="the header `Authorization: Bearer so_...`",
        )
    tenant_id = TenantId(row.tenant_id)
    try:
        held = roles.get(tx.of(tenant_id), row.role or BuiltInRole.OWNER)
    except NotFound:  # as nobody could delete it while a key had it
        held = roles.Role(row.role, frozenset(), built_in=False)
    principal = Principal(
        tenant_id, f"key:{row.key_id}", held.name, held.permissions, ends_at=row.expires_at
    )
    return Known(principal, row.key_id, row.last_used_at)


def note_use(tx: TenantWrite, key_id: str, *, at: datetime) -> None:
    """Note that a key was used."""
    tx.execute(
        sa.update(api_key)
        .where(tx.owns(api_key), api_key.c.key_id == key_id)
        .values(last_used_at=at)
    )


def id_of(key: str) -> str:
    """Return the public half of a key that was issued."""
    return key.split("_")[1]


def get(tx: TenantRead, key_id: str) -> ApiKey:
    """Return what may be shown of a key.

    Raises:
        NotFound: `key_unknown`.
    """
    row = tx.execute(_SHOWN.where(tx.owns(api_key), api_key.c.key_id == key_id)).one_or_none()
    if row is None:
        raise key_making.key_unknown()
    return ApiKey(*row)


def everyone(tx: TenantRead) -> list[ApiKey]:
    """Return the tenant's keys without their secrets, the oldest first."""
    rows = tx.execute(
        _SHOWN.where(tx.owns(api_key)).order_by(api_key.c.created_at, api_key.c.key_id)
    )
    return [ApiKey(*row) for row in rows]


_SHOWN = sa.select(
    api_key.c.key_id,
    api_key.c.name,
    sa.func.coalesce(api_key.c.role, BuiltInRole.OWNER.value),
    api_key.c.created_at,
    api_key.c.expires_at,
    api_key.c.revoked_at,
    api_key.c.last_used_at,
)


def revoke(tx: TenantWrite, key_id: str, *, now: datetime) -> None:
    """Make the key worthless from the end of this transaction on. Revoking twice changes nothing.

    Raises:
        NotFound: `key_unknown`.
    """
    revoked = tx.execute(
        sa.update(api_key)
        .where(tx.owns(api_key), api_key.c.key_id == key_id)
        .values(revoked_at=key_making.revoked_at(api_key, now))
    )
    if revoked.rowcount == 0:
        raise key_making.key_unknown()
