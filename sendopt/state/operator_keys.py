"""The keys of whoever runs the service: no tenant's, and worth nothing where a tenant's are asked.

A key reads `so_op_<key_id>_<secret>`, as `key_making` makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sendopt.errors import InvalidInput, NotAuthorized
from sendopt.records import OperatorPrincipal, OperatorRole
from sendopt.state import key_making
from sendopt.state.tables_access import operator_key
from sendopt.state.transaction import FleetRead, FleetWrite
from sendopt.text import quoted

PREFIX = "so_op_"
_KEY = key_making.pattern(PREFIX)


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
    key_making.check(name=name, expires_at=expires_at, now=now)
    key_id, secret = key_making.halves(random_bytes)
    tx.execute(
        sa.insert(operator_key).values(
            key_id=key_id,
            secret_hash=key_making.hash_of(secret),
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
                operator_key.c.key_id == parts[1], key_making.is_alive(operator_key, now)
            )
        ).one_or_none()
    stored = None if row is None else row.secret_hash
    is_known = key_making.is_secret_of(parts, stored)
    if not is_known or row is None or row.role not in {*OperatorRole}:
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
        raise key_making.key_unknown()
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
        .values(revoked_at=key_making.revoked_at(operator_key, now))
    )
    if revoked.rowcount == 0:
        raise key_making.key_unknown()


_SHOWN = sa.select(
    operator_key.c.key_id,
    operator_key.c.name,
    operator_key.c.role,
    operator_key.c.created_at,
    operator_key.c.expires_at,
    operator_key.c.revoked_at,
)
