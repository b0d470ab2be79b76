"""Commits the dates of series that have come due, and says so where it may not.

A date is tried until it is committed or its window is over everywhere. A refusal is kept with it
and shown; nothing is passed over in silence: a date whose window ended while nobody was at work,
or while its series was paused, is told as missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from sendopt.app.campaigns import Campaigns
from sendopt.app.stores import Stores
from sendopt.back_off import back_off
from sendopt.errors import Conflict, RowRefused, SendoptError, StoreFailure
from sendopt.records import (
    PERMISSIONS_OF,
    BuiltInRole,
    DateState,
    Origin,
    Principal,
    SeriesId,
    TenantId,
)
from sendopt.schedule import series as definitions
from sendopt.state import TenantRead, TenantWrite, campaigns, home, series, series_dates
from sendopt.state.damage import NOT_A_VALUE
from sendopt.state.series import NextDate, StoredSeries
from sendopt.state.series_dates import DueDate, StoredDate
from sendopt.text import quoted

#: So long nobody else tries a date; to plan a million users takes minutes.
LEASE = timedelta(minutes=30)
#: After a refusal: it may pass by itself, or somebody mends it.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
_AT_ONCE = 100
#: Dates that come due together where nobody was at work for long, of one series in one transaction.
_DATES_AT_ONCE = 500

_log = structlog.get_logger()


class Recurring:
    """The dates of all tenants' series.

    Args:
        stores: of the whole process.
        beat: called after every date.
    """

    def __init__(self, stores: Stores, *, beat: Callable[[], None] = lambda: None) -> None:
        self._stores = stores
        self._beat = beat

    def turn(self) -> int:
        """Take up what has come due, and return how many dates were committed.

        Nothing is done in a home that is a copy: its original may be at work.

        Raises:
            StoreFailure: if a store fails; what was taken is taken again after its lease.
        """
        state, now = self._stores.state, self._now()
        with state.read_fleet() as tx:
            if home.is_copy(tx):
                return 0
            come_due = series.come_due(tx, now=now, limit=_AT_ONCE)
        for tenant_id, series_id in come_due:
            with self._apart(tenant_id, series_id):
                self._take_up(tenant_id, series_id, now=now)
        with state.read_fleet() as tx:
            waiting = series_dates.to_try(tx, now=self._now(), limit=_AT_ONCE)
        committed = 0
        for each in waiting:
            with self._apart(each.tenant_id, each.series_id):
                committed += self._try(each)
        return committed

    @contextmanager
    def _apart(self, tenant_id: TenantId, series_id: SeriesId) -> Iterator[None]:
        """Let one series that cannot be read keep no other from being looked at."""
        try:
            yield
        except (SendoptError, *NOT_A_VALUE) as error:
            if _is_of_the_store(error):
                raise
            _log.error(
                "series_failed",
                tenant_id=tenant_id,
                series_id=series_id,
                error=type(error).__name__,
                code=getattr(error, "code", None),
            )
        self._beat()

    def _take_up(self, tenant_id: TenantId, series_id: SeriesId, *, now: datetime) -> None:
        """Let every date wait that has come due, and name the one that comes next."""
        with self._stores.state.write(tenant_id) as tx:
            following = series.lock(tx, series_id).next
            read = definitions.stored_series(series.get(tx, series_id).definition)
            taken = series_dates.taken_dates(tx, series_id)
            count = 0
            while following is not None and following.commit_at <= now and count < _DATES_AT_ONCE:
                one = definitions.date_of(read, following.local_date)
                series_dates.add(
                    tx,
                    series_id,
                    one.local_date,
                    one.campaign_id,
                    commit_at=one.commit_at,
                    ends_at=one.ends_at,
                )
                taken |= {one.local_date}
                later = (
                    definitions.date_of(read, day) for day in read.recurrence.dates(one.local_date)
                )
                after = next((each for each in later if each.local_date not in taken), None)
                following = None if after is None else NextDate(after.local_date, after.commit_at)
                count += 1
            series.set_next(tx, series_id, following)

    def _try(self, due: DueDate) -> bool:
        """Commit one date, or keep why not; tell whether it is committed."""
        now = self._now()
        with self._stores.state.write(due.tenant_id) as tx:
            taken = self._taken(tx, due, now=now)
        if taken is None:
            return False
        stored, date = taken
        try:
            self._commit(due.tenant_id, stored, date)
        except SendoptError as refusal:
            if _is_of_the_store(refusal):
                raise
            self._refuse(due, date, refusal)
            return False
        return True

    def _taken(
        self, tx: TenantWrite, due: DueDate, *, now: datetime
    ) -> tuple[StoredSeries, StoredDate] | None:
        """Take a date; None = nothing can be done with it now."""
        series_id, day = due.series_id, due.local_date
        series.lock(tx, series_id)
        date = series_dates.take(tx, series_id, day, now=now, until=now + LEASE)
        if date is None:
            return None
        stored = series.get(tx, series_id)
        if date.ends_at <= now:
            code = date.code or ("series_paused" if stored.paused_at else "not_at_work")
            message = date.message or _MISSED[code]
            series_dates.settle(
                tx, series_id, day, DateState.MISSED, now=now, code=code, message=message
            )
            _log.error("series_date_missed", **_told(due), code=code)
            return None
        if stored.paused_at is not None:
            series_dates.put_off(
                tx,
                series_id,
                day,
                until=date.ends_at,
                code="series_paused",
                message=_MISSED["series_paused"],
            )
            return None
        return stored, date

    def _commit(self, tenant_id: TenantId, stored: StoredSeries, date: StoredDate) -> None:
        """Put and commit the campaign of a date, all of it or nothing.

        Raises:
            SendoptError: whatever stands in the way.
        """
        series_id, day = stored.series_id, date.local_date

        def beside(tx: TenantWrite) -> None:
            life = series.require_standing(tx, series_id)
            if life.paused_at is not None or life.revision != stored.revision:
                raise Conflict("its series was changed meanwhile", code="series_changed")
            series_dates.settle_committed(
                tx, series_id, day, revision=stored.revision, now=self._now()
            )

        with self._stores.state.read(tenant_id) as tx:
            _require_own_name(tx, stored, date)
        definition = definitions.campaign_definition(stored.definition, day)
        Campaigns(self._stores, _acting_for(tenant_id, series_id)).put(
            definition, commit=True, beside=beside
        )
        _log.info("series_date_committed", tenant_id=tenant_id, campaign_id=date.campaign_id)

    def _refuse(self, due: DueDate, date: StoredDate, refusal: SendoptError) -> None:
        """Keep why a date was not committed, and when it is tried again."""
        now = self._now()
        wait = back_off(
            f"{due.tenant_id} {date.campaign_id}",
            max(date.try_count, 1),
            first=_FIRST_WAIT,
            longest=_LONGEST_WAIT,
        )
        code, message = refusal.code, refusal.message
        with self._stores.state.write(due.tenant_id) as tx:
            if code in {"campaign_cancelled", "series_cancelled"}:
                series_dates.settle(
                    tx,
                    due.series_id,
                    due.local_date,
                    DateState.CANCELLED,
                    now=now,
                    code=code,
                    message=message,
                )
            else:
                until = now if code == "series_changed" else min(now + wait, date.ends_at)
                series_dates.put_off(
                    tx, due.series_id, due.local_date, until=until, code=code, message=message
                )
        _log.warning("series_date_refused", **_told(due), code=code)

    def _now(self) -> datetime:
        return self._stores.clock.now()


_MISSED = {
    "not_at_work": "no service was at work between its moment and the end of its window",
    "series_paused": "its series was paused",
}


def _require_own_name(tx: TenantRead, stored: StoredSeries, date: StoredDate) -> None:
    """Refuse to take the place of a campaign that somebody else has put under the name of a date.

    Raises:
        Conflict: `campaign_conflict`.
    """
    own = [
        definitions.campaign_definition(each, date.local_date)
        for each in series.definitions(tx, stored.series_id)
    ]
    if campaigns.is_there(tx, date.campaign_id) and not any(
        campaigns.accepted_as(tx, each) for each in own
    ):
        raise Conflict(
            f"the campaign {quoted(date.campaign_id)} is there, and not by this series",
            code="campaign_conflict",
        )


def _acting_for(tenant_id: TenantId, series_id: SeriesId) -> Principal:
    """Return as whom the service commits what somebody who may has put or revised."""
    role = BuiltInRole.CAMPAIGN_MANAGER
    origin = Origin("service")
    return Principal(tenant_id, f"series:{series_id}", role, PERMISSIONS_OF[role], origin)


def _is_of_the_store(error: Exception) -> bool:
    """Tell whether a store has failed; else it is about this series alone."""
    return isinstance(error, StoreFailure) and not isinstance(error, RowRefused)


def _told(due: DueDate) -> dict[str, str]:
    return {
        "tenant_id": due.tenant_id,
        "series_id": due.series_id,
        "local_date": due.local_date.isoformat(),
    }
