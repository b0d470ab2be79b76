"""Users: the zone of their profile, and whether they may be reached at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sendopt.errors import NotFound
from sendopt.records import UserId
from sendopt.state import erased
from sendopt.state.chunks import chunks
from sendopt.state.engine import insert
from sendopt.state.instant import Instant
from sendopt.state.tables import app_user, device
from sendopt.state.transaction import TenantRead, TenantWrite


@dataclass(frozen=True, slots=True)
class User:
    """One of a tenant's users, as far as it has told us."""

    user_id: UserId
    timezone: str | None  # IANA; the profile's, a device may know better
    opted_out_at: datetime | None  # when the user said so; nothing is sent any more


def put(tx: TenantWrite, user_id: UserId, *, timezone: str | None, now: datetime) -> None:
    """Create or update the user. An opt-out stays: only the user's own word ends it.

    Raises:
        Conflict: `user_erased`.
    """
    erased.refuse(tx, user_id)
    tx.execute(
        insert(tx, app_user)
        .values(tenant_id=tx.tenant_id, user_id=user_id, timezone=timezone, updated_at=now)
        .on_conflict_do_update(
            index_elements=["tenant_id", "user_id"],
            set_={"timezone": timezone, "updated_at": now},
        )
    )


def ensure(tx: TenantWrite, user_id: UserId, *, now: datetime) -> None:
    """Make sure that the user exists, and change nothing where it does.

    Raises:
        Conflict: `user_erased`.
    """
    erased.refuse(tx, user_id)
    tx.execute(
        insert(tx, app_user)
        .values(tenant_id=tx.tenant_id, user_id=user_id, updated_at=now)
        .on_conflict_do_nothing(index_elements=["tenant_id", "user_id"])
    )


def ensure_all(tx: TenantWrite, user_ids: Collection[UserId], *, now: datetime) -> None:
    """As `ensure`, of many users.

    Raises:
        Conflict: `user_erased`, if one of them was.
    """
    if not user_ids:
        return
    if erased.among(tx, user_ids):
        raise erased.user_erased("/user_id")
    tx.execute(
        insert(tx, app_user).on_conflict_do_nothing(index_elements=["tenant_id", "user_id"]),
        [
            {"tenant_id": tx.tenant_id, "user_id": each, "updated_at": now}
            for each in sorted(user_ids)
        ],
    )


def put_all(
    tx: TenantWrite, said: Sequence[tuple[UserId, str | None]], *, now: datetime
) -> list[bool]:
    """As `put`, of many users and the zone of each; return of each whether that is news.

    Raises:
        Conflict: `user_erased`, if one of them was.
    """
    if erased.among(tx, {user_id for user_id, _ in said}):
        raise erased.user_erased("/user_id")
    stored = _zones(tx, sorted({user_id for user_id, _ in said}))
    changed: dict[UserId, str | None] = {}
    news = []
    for user_id, timezone in said:
        is_news = stored.get(user_id, _NOBODY) != timezone
        news.append(is_news)
        if is_news:
            stored[user_id] = changed[user_id] = timezone
    if changed:
        statement = insert(tx, app_user)
        tx.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "user_id"],
                set_={"timezone": statement.excluded.timezone, "updated_at": now},
            ),
            [
                {
                    "tenant_id": tx.tenant_id,
                    "user_id": user_id,
                    "timezone": timezone,
                    "updated_at": now,
                }
                for user_id, timezone in sorted(changed.items())
            ],
        )
    return news


#: In place of the zone of a user who was not there.
_NOBODY = object()


def _zones(tx: TenantRead, user_ids: Sequence[UserId]) -> dict[UserId, object]:
    """Return the zones of those of these users who are there."""
    return {
        UserId(row.user_id): row.timezone
        for some in chunks(user_ids)
        for row in tx.execute(
            sa.select(app_user.c.user_id, app_user.c.timezone).where(
                tx.owns(app_user), app_user.c.user_id.in_(some)
            )
        )
    }


def opt_out(tx: TenantWrite, user_id: UserId, *, at: datetime, now: datetime) -> None:
    """As `opt_out_all`, of one user."""
    opt_out_all(tx, [(user_id, at)], now=now)


def opt_out_all(tx: TenantWrite, said: Sequence[tuple[UserId, datetime]], *, now: datetime) -> None:
    """Note that users, known before or not, want nothing more since each one's instant.

    Words may come in in any order: the latest holds, and of two at one time the opt-out. What was
    said first of those that hold is the time of the opt-out.
    """
    is_over = app_user.c.last_opt_in_at > _AT
    begins = sa.case((app_user.c.opted_out_at < _AT, app_user.c.opted_out_at), else_=_AT)
    known = sa.func.coalesce(app_user.c.opt_out_known_at, sa.literal(now, Instant))
    _note(
        tx,
        said,
        {"opted_out_at": _AT, "opt_out_known_at": now, "last_opt_out_at": _AT, "updated_at": now},
        {
            "opted_out_at": sa.case((is_over, app_user.c.opted_out_at), else_=begins),
            "opt_out_known_at": sa.case((is_over, app_user.c.opt_out_known_at), else_=known),
            "last_opt_out_at": _later(app_user.c.last_opt_out_at),
            "updated_at": now,
        },
    )


def opt_in(tx: TenantWrite, user_id: UserId, *, at: datetime, now: datetime) -> None:
    """As `opt_in_all`, of one user."""
    opt_in_all(tx, [(user_id, at)], now=now)


def opt_in_all(tx: TenantWrite, said: Sequence[tuple[UserId, datetime]], *, now: datetime) -> None:
    """Note that users want to be sent to again since each one's instant.

    It ends what was said before.
    """
    ends = app_user.c.opted_out_at < _AT
    goes_on = app_user.c.last_opt_out_at >= _AT
    _note(
        tx,
        said,
        {"last_opt_in_at": _AT, "updated_at": now},
        {
            # An opt-out that was said later began later than the one that ends here.
            "opted_out_at": sa.case(
                (ends & goes_on, app_user.c.last_opt_out_at),
                (ends, sa.null()),
                else_=app_user.c.opted_out_at,
            ),
            "opt_out_known_at": sa.case(
                (ends & goes_on, app_user.c.opt_out_known_at),
                (ends, sa.null()),
                else_=app_user.c.opt_out_known_at,
            ),
            "last_opt_in_at": _later(app_user.c.last_opt_in_at),
            "updated_at": now,
        },
    )


_WHO = sa.bindparam("who", type_=sa.Text)
_AT = sa.bindparam("said_at", type_=Instant)


def _note(
    tx: TenantWrite,
    said: Sequence[tuple[UserId, datetime]],
    fresh: Mapping[str, Any],
    changed: Mapping[str, Any],
) -> None:
    """Write what users said; of users who were erased nothing is."""
    gone = erased.among(tx, [user_id for user_id, _ in said])
    told = [{_WHO.key: user_id, _AT.key: at} for user_id, at in said if user_id not in gone]
    if not told:
        return
    statement = (
        insert(tx, app_user)
        .values(tenant_id=tx.tenant_id, user_id=_WHO, **fresh)
        .on_conflict_do_update(index_elements=["tenant_id", "user_id"], set_=dict(changed))
    )
    tx.execute(statement, told)


def _later(column: sa.Column[datetime]) -> sa.Case[datetime]:
    return sa.case((column > _AT, column), else_=_AT)


def get(tx: TenantRead, user_id: UserId) -> User:
    """Return the user; whoever was erased is unknown at once.

    Raises:
        NotFound: `user_unknown`.
    """
    found = named(tx, [user_id]).get(user_id)
    if found is None:
        raise user_unknown()
    return found


def named(tx: TenantRead, user_ids: Collection[UserId]) -> dict[UserId, User]:
    """Return those of these users who are known, besides whoever was erased."""
    found = {
        UserId(row.user_id): _user(row)
        for some in chunks(set(user_ids))
        for row in tx.execute(_USERS.where(tx.owns(app_user), app_user.c.user_id.in_(some)))
    }
    gone = erased.among(tx, found)
    return {user_id: user for user_id, user in found.items() if user_id not in gone}


def any_zone(tx: TenantRead) -> bool:
    """Tell whether a profile or a device of the tenant names a time zone."""
    return bool(
        tx.scalar(
            sa.select(
                sa.or_(
                    *(
                        sa.exists().where(tx.owns(table), table.c.timezone.is_not(None))
                        for table in (app_user, device)
                    )
                )
            )
        )
    )


def everyone(tx: TenantRead) -> Iterator[User]:
    """Yield all the tenant's users by id, opted out or not; within the transaction."""
    rows = tx.execute(
        _USERS.where(tx.owns(app_user)).order_by(app_user.c.user_id),
        execution_options={"yield_per": 10_000},
    )
    return map(_user, rows)


_USERS = sa.select(app_user)


def _user(row: sa.Row[Any]) -> User:
    return User(UserId(row.user_id), row.timezone, row.opted_out_at)


def user_unknown() -> NotFound:
    """Return the answer to the id of a user of whom nobody has heard, or who was erased."""
    return NotFound(
        "there is no such user",
        code="user_unknown",
        field="user_id",
        hint="ids are compared letter by letter; who is known from events alone has no profile: it "
        "begins with the first device, or with PUT /v1/users/{user_id}",
    )
