"""Locks of PostgreSQL for one purpose of one tenant, held until a transaction ends.

Whoever waits for a lock alone keeps out all who come later to share it. SQLite has one writer at a
time anyway.
"""

from __future__ import annotations

import zlib

import sqlalchemy as sa

from sendopt.state.transaction import TenantRead


def share(tx: TenantRead, purpose: str) -> None:
    """Wait until nobody holds the lock alone, and hold it together with others."""
    _lock(tx, purpose, "pg_advisory_xact_lock_shared")


def hold_alone(tx: TenantRead, purpose: str) -> None:
    """Wait until nobody else holds the lock, and hold it alone."""
    _lock(tx, purpose, "pg_advisory_xact_lock")


def _lock(tx: TenantRead, purpose: str, function: str) -> None:
    if not tx.is_sqlite:
        # By purpose first, so that it meets no other one's in the same database.
        key = [zlib.crc32(each.encode()) - 2**31 for each in (purpose, tx.tenant_id)]
        tx.execute(sa.select(sa.func.__getattr__(function)(*key)))
