"""What keys of tenants and of operators share: how they are made, hashed and kept alive.

A key is a prefix, its public half, which finds the row, and its secret half, 256 random bits, of
which only the SHA-256 is stored. (A slow hash protects guessable passwords; these cannot be
guessed.)
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from sendopt.errors import InvalidInput, NotFound
from sendopt.state.instant import Instant
from sendopt.text import quoted, why_no_id

_ID_BYTES, _SECRET_BYTES = 8, 32


def pattern(prefix: str) -> re.Pattern[str]:
    """Return what keys with a prefix look like: the groups are their two halves."""
    return re.compile(rf"{prefix}([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")


def halves(random_bytes: Callable[[int], bytes]) -> tuple[str, str]:
    """Return the public and the secret half of a new key.

    Args:
        random_bytes: returns that many bytes nobody can foresee, as `secrets.token_bytes`.
    """
    return random_bytes(_ID_BYTES).hex(), random_bytes(_SECRET_BYTES).hex()


def check(*, name: str, expires_at: datetime | None, now: datetime) -> None:
    """Refuse a key that nobody could recognise, or that opens nothing.

    Raises:
        InvalidInput: `text_invalid` (the name), `key_expired`.
    """
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


def hash_of(secret: str) -> str:
    """Return what is stored of a secret half."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret_of(parts: re.Match[str] | None, stored: str | None) -> bool:
    """Tell whether a key that was presented has the secret of the row that it found.

    Compared also where there is no row, so that the time of the answer tells nothing.

    Args:
        parts: of the key; None = it does not look like one.
        stored: hash of the row; None = there is none.
    """
    presented = hash_of(parts[2] if parts is not None else "")
    return hmac.compare_digest(presented, stored or "") and stored is not None


def is_alive(keys: sa.Table, now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a row of `keys` is neither revoked nor past its end."""
    return sa.and_(
        keys.c.revoked_at.is_(None),
        keys.c.expires_at.is_(None) | (keys.c.expires_at > sa.literal(now, Instant)),
    )


def revoked_at(keys: sa.Table, now: datetime) -> sa.ColumnElement[datetime]:
    """Return since when a key is revoked that is revoked now: revoking twice changes nothing."""
    return sa.func.coalesce(keys.c.revoked_at, sa.literal(now, Instant))


def key_unknown() -> NotFound:
    """Return the answer to the id of a key that is not there."""
    return NotFound("there is no such key", code="key_unknown", field="key_id")
