"""Series as they were given: put, revised, paused and cancelled, and the date that comes next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sendopt.errors import Conflict, NotFound
from sendopt.records import DateState, SeriesId, SeriesPhase, TenantId
from sendopt.state import erased
from sendopt.state.campaigns import fingerprint
from sendopt.state.engine import insert
from sendopt.state.instant import Instant
from sendopt.state.named_users import users_named
from sendopt.state.pages import Page, read_page
from sendopt.state.tables_series import series, series_date, series_revision
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite
from sendopt.text import quoted

_LIFE = (
    series.c.series_id,
    series.c.revision,
    series.c.created_at,
    series.c.paused_at,
    series.c.cancelled_at,
    series.c.next_date,
    series.c.next_commit_at,
)


class NextDate(NamedTuple):
    """The date of a series that becomes a campaign next, and when it comes due."""

    local_date: date
    commit_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesLife:
    """What became of a series."""

    series_id: SeriesId
    revision: int  # the one that holds; the first is 1
    created_at: datetime
    paused_at: datetime | None  # None = it is not paused
    cancelled_at: datetime | None
    next: NextDate | None  # None = all of its dates have come due


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSeries(SeriesLife):
    """A series as it was given last, and what became of it."""

    phase: SeriesPhase
    definition: Any  # parsed JSON
    changed_at: datetime  # when this definition was accepted


class SeriesKey(NamedTuple):
    """The place of a series in the list."""

    created_at: datetime
    series_id: str


@dataclass(frozen=True, slots=True)
class ListedSeries:
    """A series without its definition and its dates."""

    series_id: SeriesId
    phase: SeriesPhase
    revision: int
    created_at: datetime
    next: NextDate | None


def put(
    tx: TenantWrite,
    series_id: SeriesId,
    definition: Any,
    following: NextDate | None,
    *,
    now: datetime,
) -> bool:
    """Store a series, and tell whether it is new; else it was there with this definition.

    Raises:
        Conflict: `series_conflict`, if it is there with another one; `series_cancelled`, if it was
            cancelled with another one; `user_erased`, naming the place in the audience.
    """
    _refuse_erased(tx, definition)
    created = tx.execute(
        insert(tx, series)
        .values(
            tenant_id=tx.tenant_id,
            series_id=series_id,
            created_at=now,
            revision=1,
            **_next(following),
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "series_id"])
        .returning(series.c.series_id)
    ).all()
    if created:
        _add_revision(tx, series_id, 1, definition, now=now)
        return True
    stored = lock(tx, series_id)
    if _fingerprint_of(tx, stored) == fingerprint(definition):
        return False
    if stored.cancelled_at is not None:
        raise series_cancelled(series_id)
    raise Conflict(
        f"the series {quoted(series_id)} is there with another definition",
        code="series_conflict",
        field="/series_id",
        expected="the definition that it was put with",
        hint="revise it: the dates to come, and who has not been sent to, get the new definition",
    )


def revise(
    tx: TenantWrite,
    series_id: SeriesId,
    definition: Any,
    following: NextDate | None,
    *,
    now: datetime,
) -> int | None:
    """Give a series its next definition, and return its number; None = it has this one already.

    Raises:
        NotFound: `series_unknown`.
        Conflict: `series_cancelled`; `user_erased`, naming the place in the audience.
    """
    stored = require_standing(tx, series_id)
    if _fingerprint_of(tx, stored) == fingerprint(definition):
        return None
    _refuse_erased(tx, definition)
    _add_revision(tx, series_id, stored.revision + 1, definition, now=now)
    tx.execute(
        sa.update(series)
        .where(_is(tx, series_id))
        .values(revision=stored.revision + 1, **_next(following))
    )
    return stored.revision + 1


def get(tx: TenantRead, series_id: SeriesId) -> StoredSeries:
    """Return a series as it was given last.

    Raises:
        NotFound: `series_unknown`.
    """
    row = tx.execute(
        sa.select(
            *_LIFE,
            _PHASE.label("phase"),
            series_revision.c.definition,
            series_revision.c.accepted_at.label("changed_at"),
        )
        .join_from(series, series_revision, _same_series(series_revision))
        .where(_is(tx, series_id), series_revision.c.revision == series.c.revision)
    ).one_or_none()
    if row is None:
        raise series_unknown()
    return StoredSeries(
        **_life(row),
        phase=SeriesPhase(row.phase),
        definition=row.definition,
        changed_at=row.changed_at,
    )


def definitions(tx: TenantRead, series_id: SeriesId) -> list[Any]:
    """Return all definitions that a series has had, the first one first."""
    return list(
        tx.scalars(
            sa.select(series_revision.c.definition)
            .where(tx.owns(series_revision), series_revision.c.series_id == series_id)
            .order_by(series_revision.c.revision)
        )
    )


def lock(tx: TenantWrite, series_id: SeriesId) -> SeriesLife:
    """Return the series, which nobody else changes until `tx` ends.

    Raises:
        NotFound: `series_unknown`.
    """
    row = tx.execute(sa.select(*_LIFE).where(_is(tx, series_id)).with_for_update()).one_or_none()
    if row is None:
        raise series_unknown()
    return SeriesLife(**_life(row))


def require_standing(tx: TenantWrite, series_id: SeriesId) -> SeriesLife:
    """Return the series, locked, if it was not cancelled.

    Raises:
        NotFound: `series_unknown`.
        Conflict: `series_cancelled`.
    """
    stored = lock(tx, series_id)
    if stored.cancelled_at is not None:
        raise series_cancelled(series_id)
    return stored


def set_next(tx: TenantWrite, series_id: SeriesId, following: NextDate | None) -> None:
    """Let `following` be the date that comes due next."""
    tx.execute(sa.update(series).where(_is(tx, series_id)).values(**_next(following)))


def set_paused(tx: TenantWrite, series_id: SeriesId, paused_at: datetime | None) -> None:
    """Pause a series, or resume it with None."""
    tx.execute(sa.update(series).where(_is(tx, series_id)).values(paused_at=paused_at))


def set_cancelled(tx: TenantWrite, series_id: SeriesId, *, now: datetime) -> None:
    """Cancel a series: no date of it comes due any more."""
    tx.execute(sa.update(series).where(_is(tx, series_id)).values(cancelled_at=now, **_next(None)))


def page(tx: TenantRead, *, behind: SeriesKey | None, limit: int) -> Page[ListedSeries]:
    """Return up to `limit` series behind a place, the newest first; None = from the newest on."""
    conditions = [tx.owns(series)]
    if behind is not None:
        created_at = sa.literal(behind.created_at, Instant)
        conditions += [
            series.c.created_at <= created_at,  # by itself, so that an index begins there
            sa.or_(series.c.created_at < created_at, series.c.series_id > behind.series_id),
        ]
    return read_page(
        tx,
        sa.select(*_LIFE, _PHASE.label("phase"))
        .where(*conditions)
        .order_by(series.c.created_at.desc(), series.c.series_id),
        _listed,
        place=(series.c.created_at, series.c.series_id),
        named_by=series.c.series_id,
        limit=limit,
    )


def come_due(tx: FleetRead, *, now: datetime, limit: int) -> list[tuple[TenantId, SeriesId]]:
    """Return series of which a date has come due, that one first which waits longest."""
    rows = tx.execute(
        sa.select(series.c.tenant_id, series.c.series_id)
        .where(series.c.next_commit_at <= sa.literal(now, Instant))
        .order_by(series.c.next_commit_at, series.c.tenant_id, series.c.series_id)
        .limit(limit)
    )
    return [(TenantId(tenant_id), SeriesId(series_id)) for tenant_id, series_id in rows]


def series_unknown() -> NotFound:
    """Return the answer to the id of a series that is not there."""
    return NotFound("there is no such series", code="series_unknown", field="series_id")


def series_cancelled(series_id: SeriesId) -> Conflict:
    """Return the refusal of what cannot be done with a series that was cancelled."""
    return Conflict(
        f"the series {quoted(series_id)} was cancelled",
        code="series_cancelled",
        expected="a series that still stands",
        hint="put it again under a new series_id",
    )


def _same_series(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.tenant_id == series.c.tenant_id, table.c.series_id == series.c.series_id)


_PHASE = sa.case(
    (series.c.cancelled_at.is_not(None), SeriesPhase.CANCELLED),
    (
        sa.and_(
            series.c.next_date.is_(None),
            ~sa.exists().where(_same_series(series_date), series_date.c.state == DateState.WAITS),
        ),
        SeriesPhase.ENDED,
    ),
    (series.c.paused_at.is_not(None), SeriesPhase.PAUSED),
    else_=SeriesPhase.ACTIVE,
)


def _is(tx: TenantRead, series_id: SeriesId) -> sa.ColumnElement[bool]:
    return sa.and_(tx.owns(series), series.c.series_id == series_id)


def _next(following: NextDate | None) -> dict[str, Any]:
    if following is None:
        return {"next_date": None, "next_commit_at": None}
    return {
        "next_date": following.local_date.isoformat(),
        "next_commit_at": following.commit_at,
    }


def _life(row: Any) -> dict[str, Any]:
    return {
        "series_id": SeriesId(row.series_id),
        "revision": row.revision,
        "created_at": row.created_at,
        "paused_at": row.paused_at,
        "cancelled_at": row.cancelled_at,
        "next": _next_of(row),
    }


def _next_of(row: Any) -> NextDate | None:
    if row.next_date is None or row.next_commit_at is None:
        return None
    return NextDate(date.fromisoformat(row.next_date), row.next_commit_at)


def _listed(row: sa.Row[Any]) -> ListedSeries:
    return ListedSeries(
        SeriesId(row.series_id),
        SeriesPhase(row.phase),
        row.revision,
        row.created_at,
        _next_of(row),
    )


def _add_revision(
    tx: TenantWrite, series_id: SeriesId, revision: int, definition: Any, *, now: datetime
) -> None:
    tx.execute(
        sa.insert(series_revision).values(
            tenant_id=tx.tenant_id,
            series_id=series_id,
            revision=revision,
            definition=definition,
            definition_hash=fingerprint(definition),
            accepted_at=now,
        )
    )


def _fingerprint_of(tx: TenantRead, stored: SeriesLife) -> str | None:
    return tx.scalar(
        sa.select(series_revision.c.definition_hash).where(
            tx.owns(series_revision),
            series_revision.c.series_id == stored.series_id,
            series_revision.c.revision == stored.revision,
        )
    )


def _refuse_erased(tx: TenantRead, definition: Any) -> None:
    gone: Collection[str] = erased.among(tx, users_named(definition))
    for place, user_id in enumerate(_listed_users(definition)):
        if user_id in gone:
            raise erased.user_erased(f"/audience/{place}")
    if gone:
        raise erased.user_erased("/experiment/assigned")


def _listed_users(definition: Any) -> list[Any]:
    audience = definition.get("audience")
    return audience if isinstance(audience, list) else []
