"""The keys with which a tenant's programs come in.

A key reads `so_<key_id>_<secret>`: the public half finds the row, of the secret half, 256 random
bits, only the SHA-256 is stored. (A slow hash protects guessable passwords; these cannot be
guessed.) The prefix lets secret scanners recognise a leaked key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.errors import NotAuthorized, NotFound
from sendopt.records import TenantId
from sendopt.state import tenants
from sendopt.state.instant import Instant
from sendopt.state.tables import api_key
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite

_KEY = re.compile(r"so_([0-9a-f]{16})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What may be shown of a key: never its secret."""

    key_id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


def issue(
    tx: TenantWrite,
    *,
    name: str,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> str:
    """Issue a key and return it; it is shown this once and cannot be read again.

    Several keys may be alive at once, so that a key is replaced without a gap: issue the new
    one, deploy it, revoke the old one.

    Args:
        tx: of the tenant whose key it will be.
        name: what the owner will recognise it by.
        now: the time of issue.
        random_bytes: returns that many bytes nobody can foresee, as `secrets.token_bytes`.

    Raises:
        NotFound: `tenant_unknown`.
    """
    tenants.get(tx)
    key_id, secret = random_bytes(8).hex(), random_bytes(32).hex()
    tx.execute(
        sa.insert(api_key).values(
            tenant_id=tx.tenant_id,
            key_id=key_id,
            secret_hash=_hash(secret),
            name=name,
            created_at=now,
        )
    )
    return f"so_{key_id}_{secret}"


def authenticate(tx: FleetRead, key: str) -> TenantId:
    """Return whose key this is: the one question that is asked without a tenant.

    Raises:
        NotAuthorized: the same answer for no key at all, an unknown and a revoked one.
    """
    parts = _KEY.fullmatch(key)
    row = None
    if parts is not None:
        row = tx.execute(
            sa.select(api_key).where(api_key.c.key_id == parts[1], api_key.c.revoked_at.is_(None))
        ).one_or_none()
    # Compared also where there is no row, so that the time of the answer tells nothing.
    presented = _hash(parts[2] if parts is not None else "")
    if (
        not hmac.compare_digest(presented, row.secret_hash if row is not None else "")
        or row is None
    ):
        raise NotAuthorized(
            "no valid API key was given",
            expected="the header `Authorization: Bearer so_...`",
        )
    return TenantId(row.tenant_id)


def everyone(tx: TenantRead) -> list[ApiKey]:
    """Return the tenant's keys without their secrets, the oldest first."""
    rows = tx.execute(
        sa.select(api_key.c.key_id, api_key.c.name, api_key.c.created_at, api_key.c.revoked_at)
        .where(tx.owns(api_key))
        .order_by(api_key.c.created_at, api_key.c.key_id)
    )
    return [ApiKey(*row) for row in rows]


def revoke(tx: TenantWrite, key_id: str, *, now: datetime) -> None:
    """Make the key worthless from the end of this transaction on. Revoking twice changes nothing.

    Raises:
        NotFound: `key_unknown`.
    """
    revoked = tx.execute(
        sa.update(api_key)
        .where(tx.owns(api_key), api_key.c.key_id == key_id)
        .values(revoked_at=sa.func.coalesce(api_key.c.revoked_at, sa.literal(now, Instant)))
    )
    if revoked.rowcount == 0:
        raise NotFound("there is no such key", code="key_unknown", field="key_id")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
