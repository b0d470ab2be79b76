"""The keys of whoever runs the service: no tenant's, and worth nothing where a tenant's are asked.

A key reads `so_op_<key_id>_<secret>`; of the secret half only the SHA-256 is stored, as of the keys
of tenants (`api_keys`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.errors import InvalidInput, NotAuthorized, NotFound
from sendopt.records import OperatorPrincipal, OperatorRole
from sendopt.state.instant import Instant
from sendopt.state.tables_access import operator_key
from sendopt.state.transaction import FleetRead, FleetWrite
from sendopt.text import quoted, why_no_id

PREFIX = "so_op_"
_KEY = re.compile(rf"{PREFIX}([0-9a-f]{{16}})_([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class OperatorKey:
    """What may be shown of a key: never its secret."""

    key_id: str
    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None  # None = never
    revoked_at: datetime | None


def issue(
    tx: FleetWrite,
    *,
    name: str,
    role: str,
    expires_at: datetime | None,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> str:
    """Issue a key and return it; it is shown this once and cannot be read again.

    Raises:
        InvalidInput: `role_unknown`, `text_invalid` (the name), `key_expired`.
    """
    if role not in {*OperatorRole}:
        raise InvalidInput(
            f"operators have no role {quoted(role)}",
            code="role_unknown",
            field="role",
            expected=", ".join(OperatorRole),
        )
    if reason := why_no_id(name):
        raise InvalidInput(
            f"{quoted(name)} {reason}",
            code="text_invalid",
            field="name",
            expected="visible characters, without blanks at the ends",
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidInput(
            "a key that ends in the past opens nothing",
            code="key_expired",
            field="expires_at",
            expected=f"an instant behind {now.isoformat()}",
        )
    key_id, secret = random_bytes(8).hex(), random_bytes(32).hex()
    tx.execute(
        sa.insert(operator_key).values(
            key_id=key_id,
            secret_hash=_hash(secret),
            name=name,
            role=role,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return f"{PREFIX}{key_id}_{secret}"


def authenticate(tx: FleetRead, key: str, *, now: datetime) -> OperatorPrincipal:
    """Return who speaks with this key.

    Raises:
        NotAuthorized: the same answer whatever is wrong with it.
    """
    parts = _KEY.fullmatch(key)
    row = None
    if parts is not None:
        row = tx.execute(
            sa.select(operator_key).where(
                operator_key.c.key_id == parts[1],
                operator_key.c.revoked_at.is_(None),
                operator_key.c.expires_at.is_(None)
                | (operator_key.c.expires_at > sa.literal(now, Instant)),
            )
        ).one_or_none()
    # Compared also where there is no row, so that the time of the answer tells nothing.
    presented = _hash(parts[2] if parts is not None else "")
    stored = row.secret_hash if row is not None else ""
    if not hmac.compare_digest(presented, stored) or row is None or row.role not in {*OperatorRole}:
        raise NotAuthorized("no valid key of an operator was given")
    return OperatorPrincipal.of(f"operator key:{row.key_id}", OperatorRole(row.role))


def id_of(key: str) -> str:
    """Return the public half of a key that was issued."""
    return key.removeprefix(PREFIX).split("_")[0]


def get(tx: FleetRead, key_id: str) -> OperatorKey:
    """Return what may be shown of a key.

    Raises:
        NotFound: `key_unknown`.
    """
    row = tx.execute(_SHOWN.where(operator_key.c.key_id == key_id)).one_or_none()
    if row is None:
        raise _key_unknown()
    return OperatorKey(*row)


def everyone(tx: FleetRead) -> list[OperatorKey]:
    """Return all keys without their secrets, the oldest first."""
    rows = tx.execute(_SHOWN.order_by(operator_key.c.created_at, operator_key.c.key_id))
    return [OperatorKey(*row) for row in rows]


def revoke(tx: FleetWrite, key_id: str, *, now: datetime) -> None:
    """Make the key worthless from the end of this transaction on. Revoking twice changes nothing.

    Raises:
        NotFound: `key_unknown`.
    """
    revoked = tx.execute(
        sa.update(operator_key)
        .where(operator_key.c.key_id == key_id)
        .values(revoked_at=sa.func.coalesce(operator_key.c.revoked_at, sa.literal(now, Instant)))
    )
    if revoked.rowcount == 0:
        raise _key_unknown()


_SHOWN = sa.select(
    operator_key.c.key_id,
    operator_key.c.name,
    operator_key.c.role,
    operator_key.c.created_at,
    operator_key.c.expires_at,
    operator_key.c.revoked_at,
)


def _key_unknown() -> NotFound:
    return NotFound("there is no such key", code="key_unknown", field="key_id")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
