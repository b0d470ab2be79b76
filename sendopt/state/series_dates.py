"""The dates of series that have come due: taken to be committed, and settled each with its reason.

A date that waits has a `try_at`. Whoever takes it puts that off by a lease: so nobody else takes
it meanwhile, and if its process dies it is taken again. What is done twice for that is done once:
a campaign is committed to nobody a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sendopt.records import CampaignId, CampaignPhase, DateState, SeriesId, TenantId
from sendopt.state.campaign_phase import phase_at
from sendopt.state.engine import insert
from sendopt.state.instant import Instant
from sendopt.state.pages import Page, read_page
from sendopt.state.tables_campaigns import campaign
from sendopt.state.tables_series import series_date
from sendopt.state.transaction import FleetRead, TenantRead, TenantWrite

_IS_OVER = (CampaignPhase.ENDED, CampaignPhase.CANCELLED)


class DueDate(NamedTuple):
    """A date of a series whose moment to be tried has come."""

    tenant_id: TenantId
    series_id: SeriesId
    local_date: date


@dataclass(frozen=True, slots=True)
class StoredDate:
    """One date of a series that has come due, and what became of it."""

    local_date: date
    campaign_id: CampaignId
    commit_at: datetime  # when it came due
    ends_at: datetime  # its window is over everywhere
    state: DateState
    revision: int | None  # of the series, by which its campaign stands; None = it is none
    try_at: datetime | None  # None = it is settled
    try_count: int
    settled_at: datetime | None
    code: str | None  # why it is not committed
    message: str | None


def add(
    tx: TenantWrite,
    series_id: SeriesId,
    local_date: date,
    campaign_id: CampaignId,
    *,
    commit_at: datetime,
    ends_at: datetime,
) -> None:
    """Let a date wait to be committed; again it changes nothing."""
    tx.execute(
        insert(tx, series_date)
        .values(
            tenant_id=tx.tenant_id,
            series_id=series_id,
            local_date=local_date.isoformat(),
            campaign_id=campaign_id,
            commit_at=commit_at,
            ends_at=ends_at,
            state=DateState.WAITS,
            try_at=commit_at,
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "series_id", "local_date"])
    )


def to_try(tx: FleetRead, *, now: datetime, limit: int) -> list[DueDate]:
    """Return dates that are to be tried by now, that one first which waits longest."""
    rows = tx.execute(
        sa.select(series_date.c.tenant_id, series_date.c.series_id, series_date.c.local_date)
        .where(series_date.c.try_at <= sa.literal(now, Instant))
        .order_by(series_date.c.try_at, series_date.c.tenant_id, series_date.c.series_id)
        .limit(limit)
    )
    return [
        DueDate(
            TenantId(row.tenant_id), SeriesId(row.series_id), date.fromisoformat(row.local_date)
        )
        for row in rows
    ]


def take(
    tx: TenantWrite, series_id: SeriesId, local_date: date, *, now: datetime, until: datetime
) -> StoredDate | None:
    """Take a date that is to be tried by now, so that nobody else does before `until`.

    None = somebody else has taken it, or it is settled.
    """
    taken = tx.execute(
        sa.update(series_date)
        .where(_is(tx, series_id, local_date), series_date.c.try_at <= sa.literal(now, Instant))
        .values(try_at=until, try_count=series_date.c.try_count + 1)
    ).rowcount
    return get(tx, series_id, local_date) if taken else None


def get(tx: TenantRead, series_id: SeriesId, local_date: date) -> StoredDate | None:
    """Return a date that has come due; None = it has not."""
    row = tx.execute(sa.select(series_date).where(_is(tx, series_id, local_date))).one_or_none()
    return None if row is None else _stored(row)


def put_off(
    tx: TenantWrite,
    series_id: SeriesId,
    local_date: date,
    *,
    until: datetime,
    code: str,
    message: str,
) -> None:
    """Let a date that waits be tried again at `until`, and keep what stood in its way."""
    tx.execute(
        sa.update(series_date)
        .where(_is(tx, series_id, local_date), _WAITS)
        .values(try_at=until, code=code, message=message)
    )


def try_now(tx: TenantWrite, series_id: SeriesId, *, now: datetime) -> None:
    """Let all dates of a series that wait be tried at once."""
    tx.execute(
        sa.update(series_date)
        .where(tx.owns(series_date), series_date.c.series_id == series_id, _WAITS)
        .values(try_at=now)
    )


def settle(
    tx: TenantWrite,
    series_id: SeriesId,
    local_date: date,
    state: DateState,
    *,
    now: datetime,
    code: str | None = None,
    message: str | None = None,
) -> None:
    """Let a date that waits be at its end, for a reason."""
    tx.execute(
        sa.update(series_date)
        .where(_is(tx, series_id, local_date), _WAITS)
        .values(state=state, try_at=None, settled_at=now, code=code, message=message)
    )


def settle_committed(
    tx: TenantWrite, series_id: SeriesId, local_date: date, *, revision: int, now: datetime
) -> None:
    """Say that a date is a campaign which was committed, by a revision of the series."""
    tx.execute(
        sa.update(series_date)
        .where(_is(tx, series_id, local_date))
        .values(
            state=DateState.COMMITTED,
            revision=revision,
            try_at=None,
            settled_at=sa.func.coalesce(series_date.c.settled_at, sa.literal(now, Instant)),
            code=None,
            message=None,
        )
    )


def note_revision(
    tx: TenantWrite, series_id: SeriesId, local_date: date, revision: int, *, ends_at: datetime
) -> None:
    """Say by which revision of the series the campaign of a date stands now."""
    tx.execute(
        sa.update(series_date)
        .where(_is(tx, series_id, local_date))
        .values(revision=revision, ends_at=ends_at)
    )


def waiting(tx: TenantRead, series_id: SeriesId) -> list[StoredDate]:
    """Return the dates of a series that wait, the earliest first."""
    return _dates(tx, series_id, _WAITS)


def at_work(tx: TenantRead, series_id: SeriesId, *, now: datetime) -> list[StoredDate]:
    """Return the dates of a series whose campaigns go out, or wait for it; the earliest first."""
    is_its_campaign = sa.and_(
        campaign.c.tenant_id == series_date.c.tenant_id,
        campaign.c.campaign_id == series_date.c.campaign_id,
    )
    not_over = sa.exists().where(is_its_campaign, phase_at(now).not_in(_IS_OVER))
    return _dates(tx, series_id, sa.and_(series_date.c.state == DateState.COMMITTED, not_over))


def taken_dates(tx: TenantRead, series_id: SeriesId) -> frozenset[date]:
    """Return the dates of a series that have come due."""
    return frozenset(
        date.fromisoformat(each)
        for each in tx.scalars(
            sa.select(series_date.c.local_date).where(
                tx.owns(series_date), series_date.c.series_id == series_id
            )
        )
    )


def page(
    tx: TenantRead, series_id: SeriesId, *, behind: str | None, limit: int
) -> Page[StoredDate]:
    """Return up to `limit` dates that have come due, the latest first, behind one of them."""
    conditions = [tx.owns(series_date), series_date.c.series_id == series_id]
    if behind is not None:
        conditions.append(series_date.c.local_date < behind)
    return read_page(
        tx,
        sa.select(series_date).where(*conditions).order_by(series_date.c.local_date.desc()),
        _stored,
        place=(series_date.c.local_date,),
        named_by=series_date.c.local_date,
        limit=limit,
    )


_WAITS = series_date.c.state == DateState.WAITS


def _is(tx: TenantRead, series_id: SeriesId, local_date: date) -> sa.ColumnElement[bool]:
    return sa.and_(
        tx.owns(series_date),
        series_date.c.series_id == series_id,
        series_date.c.local_date == local_date.isoformat(),
    )


def _dates(
    tx: TenantRead, series_id: SeriesId, condition: sa.ColumnElement[bool]
) -> list[StoredDate]:
    rows = tx.execute(
        sa.select(series_date)
        .where(tx.owns(series_date), series_date.c.series_id == series_id, condition)
        .order_by(series_date.c.local_date)
    )
    return list(map(_stored, rows))


def _stored(row: sa.Row[Any]) -> StoredDate:
    return StoredDate(
        local_date=date.fromisoformat(row.local_date),
        campaign_id=CampaignId(row.campaign_id),
        commit_at=row.commit_at,
        ends_at=row.ends_at,
        state=DateState(row.state),
        revision=row.revision,
        try_at=row.try_at,
        try_count=row.try_count,
        settled_at=row.settled_at,
        code=row.code,
        message=row.message,
    )
