"""What users want of messages, and when. Who has said nothing has no row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any

import sqlalchemy as sa

from sendopt.errors import InvariantBroken
from sendopt.records import NO_PREFERENCES, Preferences, QuietHours, UserId
from sendopt.state import users
from sendopt.state.chunks import chunks
from sendopt.state.damage import NOT_A_VALUE, Unreadable
from sendopt.state.engine import insert
from sendopt.state.row_hash import ROW_HASH, hash_of
from sendopt.state.tables_people import preference
from sendopt.state.transaction import TenantRead, TenantWrite


def put(tx: TenantWrite, user_id: UserId, wanted: Preferences, *, now: datetime) -> None:
    """Keep what the user, known before or not, wants from now on, in place of all before."""
    users.ensure(tx, user_id, now=now)
    if wanted == NO_PREFERENCES:
        whose = (tx.owns(preference), preference.c.user_id == user_id)
        tx.execute(sa.delete(preference).where(*whose))
        return
    quiet = wanted.quiet_hours
    values: dict[str, Any] = {
        "topics": dict(wanted.topics),
        "quiet_start": None if quiet is None else quiet.start.isoformat(),
        "quiet_end": None if quiet is None else quiet.end.isoformat(),
        "snoozed_until": wanted.snoozed_until,
        "updated_at": now,
    }
    key = {"tenant_id": tx.tenant_id, "user_id": user_id}
    values[ROW_HASH] = hash_of(preference, key | values)
    tx.execute(
        insert(tx, preference)
        .values(**key, **values)
        .on_conflict_do_update(index_elements=list(key), set_=values)
    )


def get(tx: TenantRead, user_id: UserId) -> Preferences:
    """Return what the user wants.

    Raises:
        NotFound: `user_unknown`.
        InvariantBroken: `preference_damaged`.
    """
    users.get(tx, user_id)
    return said_by(tx, [user_id]).get(user_id, NO_PREFERENCES)


def said_by(tx: TenantRead, user_ids: Sequence[UserId] | None) -> dict[UserId, Preferences]:
    """Return the preferences of those of these users, or of all, who have said any.

    Raises:
        InvariantBroken: `preference_damaged`.
    """
    theirs = sa.select(preference).where(tx.owns(preference))
    if user_ids is None:
        return {UserId(row.user_id): _read(row) for row in tx.execute(theirs)}
    return {
        UserId(row.user_id): _read(row)
        for chunk in chunks(user_ids)
        for row in tx.execute(theirs.where(preference.c.user_id.in_(chunk)))
    }


def preferences_of(row: Any) -> Preferences:
    """Return the preferences that a row holds.

    Raises:
        Unreadable: if a column holds what it is not for.
    """
    topics, quiet = row.topics, None
    if type(topics) is not dict or not all(type(wanted) is bool for wanted in topics.values()):
        raise Unreadable("preference.topics: holds no topics")
    if row.quiet_start is not None or row.quiet_end is not None:
        quiet = quiet_hours_of(row.quiet_start, row.quiet_end, of="preference")
    return Preferences(topics, quiet, row.snoozed_until)


def quiet_hours_of(start: Any, end: Any, *, of: str) -> QuietHours:
    """Return the quiet hours that begin and end at these local times, as text.

    Raises:
        Unreadable: if they are none, and says so `of` what holds them.
    """
    try:
        quiet = QuietHours(time.fromisoformat(start), time.fromisoformat(end))
    except NOT_A_VALUE as error:
        raise Unreadable(f"{of}: its quiet hours cannot be read") from error
    if quiet.start == quiet.end or quiet.start.tzinfo or quiet.end.tzinfo:
        raise Unreadable(f"{of}: its quiet hours cannot be kept")
    return quiet


def _read(row: sa.Row[Any]) -> Preferences:
    try:
        return preferences_of(row)
    except Unreadable as damage:
        raise InvariantBroken(
            "the preferences of a user cannot be read",
            code="preference_damaged",
            hint="`sendopt verify` names the row; put the user's preferences again",
        ) from damage
