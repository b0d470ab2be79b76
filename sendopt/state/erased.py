"""Tells who was erased, by a keyed hash: nobody is listed, and nobody comes back unnoticed.

Whoever writes a row that names a user asks here in the same transaction; `erasure_gate` says when.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from datetime import datetime
from typing import TypedDict

import sqlalchemy as sa

from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import UserId
from sendopt.state import erasure_gate
from sendopt.state.chunks import chunks
from sendopt.state.instant import Instant
from sendopt.state.tables_erasure import erasure, erasure_key
from sendopt.state.transaction import TenantRead, TenantWrite, owned


class _Said(TypedDict):
    code: str
    expected: str
    hint: str


def among(tx: TenantRead, user_ids: Collection[UserId]) -> frozenset[UserId]:
    """Return those of these users who were erased and not readmitted since.

    With a transaction that writes it stays so until that ends.
    """
    if isinstance(tx, TenantWrite):
        erasure_gate.hold_open(tx)
    return among_so_far(tx, user_ids)


def among_so_far(tx: TenantRead, user_ids: Collection[UserId]) -> frozenset[UserId]:
    """As `among`, for who works for long, and looks again at the end if `asked_count` has grown."""
    secret = tx.scalar(_SECRET, tx.bound())
    if secret is None:
        return frozenset()
    found = set[UserId]()
    for some in chunks(set(user_ids)):
        named = {key_of(secret, user_id): user_id for user_id in some}
        rows = tx.scalars(
            sa.select(erasure.c.user_key).where(
                tx.owns(erasure), erasure.c.readmitted_at.is_(None), erasure.c.user_key.in_(named)
            )
        )
        found |= {named[key] for key in rows}
    return frozenset(found)


_SECRET = sa.select(erasure_key.c.secret).where(owned(erasure_key))


def asked_count(tx: TenantRead) -> int:
    """Return how many erasures of the tenant were ever asked for."""
    count = sa.select(sa.func.count()).select_from(erasure).where(tx.owns(erasure))
    return tx.scalar(count) or 0


def any_since(tx: TenantRead, since: datetime) -> bool:
    """Tell whether any erasure of the tenant was asked for at `since` or later."""
    asked = sa.select(erasure.c.erasure_id).where(tx.owns(erasure), _asked_since(since))
    return tx.scalar(asked.limit(1)) is not None


def asked_since(tx: TenantRead, user_id: UserId, since: datetime) -> bool:
    """Tell whether the user's erasure was asked for at `since` or later, readmitted or not."""
    secret = tx.scalar(_SECRET, tx.bound())
    if secret is None:
        return False
    asked = sa.select(erasure.c.erasure_id).where(
        tx.owns(erasure), erasure.c.user_key == key_of(secret, user_id), _asked_since(since)
    )
    return tx.scalar(asked.limit(1)) is not None


def _asked_since(since: datetime) -> sa.ColumnElement[bool]:
    return erasure.c.asked_at >= sa.literal(since, Instant)


def is_anybody(tx: TenantRead) -> bool:
    """Tell whether any user of the tenant was ever erased."""
    return tx.scalar(_SECRET, tx.bound()) is not None


def refuse(tx: TenantRead, user_id: UserId, *, field: str = "/user_id") -> None:
    """Refuse what names a user who was erased.

    Raises:
        Conflict: `user_erased`, without the id.
    """
    if among(tx, [user_id]):
        raise user_erased(field)


_SAID: _Said = {
    "code": "user_erased",
    "expected": "a user who was not erased",
    "hint": "nothing of it was stored; whoever wants to come back is readmitted first: "
    "`sendopt users readmit USER`",
}


def user_erased(field: str | None) -> Conflict:
    """Return the refusal of what names somebody who was erased; it does not say whom."""
    return Conflict("this user was erased", field=field, **_SAID)


def one_of_an_erased_user(field: str) -> InvalidInput:
    """Return the refusal of one event or body among others, as `user_erased`."""
    return InvalidInput("this user was erased", field=field, **_SAID)


def readmit(tx: TenantWrite, user_id: UserId, *, now: datetime) -> str:
    """Take the user again, as somebody of whom nothing is known; return the erasure's id.

    Raises:
        NotFound: `user_not_erased`.
        Conflict: `erasure_under_way`.
    """
    secret = tx.scalar(_SECRET, tx.bound())
    in_force = sa.and_(
        tx.owns(erasure),
        erasure.c.readmitted_at.is_(None),
        erasure.c.user_key == key_of(secret or "", user_id),
    )
    row = tx.execute(
        sa.select(erasure.c.erasure_id, erasure.c.done_at).where(in_force)
    ).one_or_none()
    if row is None:
        raise NotFound("no such user was erased", code="user_not_erased", field="user_id")
    if row.done_at is None:
        raise Conflict(
            "this user is being erased",
            code="erasure_under_way",
            field="user_id",
            hint="repeat it when the erasure is done",
        )
    tx.execute(sa.update(erasure).where(in_force).values(readmitted_at=now))
    return str(row.erasure_id)


def key_of(secret: str, user_id: UserId) -> str:
    """Return what a user is recognised by after an erasure.

    Args:
        secret: of the tenant, so that two tenants' erased users cannot be compared.
        user_id: who.
    """
    return hmac.digest(bytes.fromhex(secret), user_id.encode(), "sha256").hex()


def secret_of(tx: TenantWrite, random_bytes: bytes) -> str:
    """Return what the tenant's erased users are hashed with; `random_bytes` if it has none yet."""
    known: str | None = tx.scalar(_SECRET, tx.bound())
    if known is not None:
        return known
    tx.execute(sa.insert(erasure_key).values(tenant_id=tx.tenant_id, secret=random_bytes.hex()))
    return random_bytes.hex()
