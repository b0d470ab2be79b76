"""Series: campaigns that come again, defined once and carried out date by date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sendopt import schedule
from sendopt.app.campaigns import Campaigns
from sendopt.app.subject import Subject, needs
from sendopt.errors import Conflict, InvalidInput, NotFound, SendoptError
from sendopt.records import CampaignId, DateState, EndReason, Permission, SeriesId, SeriesPhase
from sendopt.schedule import series as definitions
from sendopt.schedule.series import Series, SeriesDate
from sendopt.state import campaigns, pauses, plans, series, series_dates
from sendopt.state.pages import Page
from sendopt.state.series import ListedSeries, NextDate, SeriesKey
from sendopt.state.series_dates import StoredDate

#: So many of the dates to come are shown.
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class SeriesPreview:
    """What a series would do.

    Attributes:
        dates: the next ones that become campaigns, the earliest first.
        preview: of the first of them, as if it were committed now.
    """

    dates: tuple[SeriesDate, ...]
    preview: schedule.Preview


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """A series as it was defined last, how far it has come, and what comes next."""

    series_id: SeriesId
    phase: SeriesPhase
    revision: int
    definition: Any
    created_at: datetime
    changed_at: datetime  # when this definition was accepted
    paused_at: datetime | None
    cancelled_at: datetime | None
    upcoming: tuple[SeriesDate, ...]  # which have not come due, the earliest first
    waiting: tuple[StoredDate, ...]  # which have come due, and are no campaigns yet


@dataclass(frozen=True, slots=True)
class PutSeries:
    """What putting a series did."""

    repeated: bool  # the same definition was there before
    status: SeriesStatus


@dataclass(frozen=True, slots=True)
class RevisedDate:
    """What a revision did to the campaign of a date that had come due."""

    campaign_id: CampaignId
    counts: Mapping[str, int]  # of its sends, by state
    refusal: SendoptError | None  # why it stays as it was; None = it has the new definition


@dataclass(frozen=True, slots=True)
class RevisedSeries:
    """What revising a series did."""

    repeated: bool  # the same definition was there before
    status: SeriesStatus
    campaigns: tuple[RevisedDate, ...]  # those that were not over


class SeriesOfCampaigns(Subject):
    """What comes again, and when."""

    @needs(Permission.CAMPAIGNS_READ)
    def preview(self, definition: Any) -> SeriesPreview:
        """Tell which dates a series would have, and what its next one would do now.

        Raises:
            InvalidInput: for a definition that cannot be meant.
            Conflict: `user_erased`, as putting it would.
        """
        now = self._now()
        read = definitions.parse_series(definition, now=now)
        dates = tuple(islice(definitions.dates_from(read, not_over_at=now), _SHOWN))
        first = definitions.campaign_definition(definition, dates[0].local_date)
        return SeriesPreview(dates, self._campaigns.preview(first))

    @needs(Permission.CAMPAIGNS_WRITE)
    def put(self, definition: Any) -> PutSeries:
        """Store a series; from now on each of its dates is committed when it comes due.

        Raises:
            InvalidInput: for a definition that cannot be meant.
            NotPermitted: `permission_missing`, without `campaigns:send` beside.
            Conflict: `series_conflict`, if it is there with another definition;
                `series_cancelled`; `user_erased`.
        """
        self._principal.require(Permission.CAMPAIGNS_SEND)
        now = self._now()
        read = definitions.parse_series(definition, now=now)
        following = next(definitions.dates_from(read, not_over_at=now), None)
        with self._write() as tx:
            is_new = series.put(tx, read.series_id, definition, _next(following), now=now)
            if is_new:
                self._audit(tx, "series:put", read.series_id, after={"revision": 1})
        return PutSeries(not is_new, self._status(read.series_id))

    @needs(Permission.CAMPAIGNS_SEND)
    def revise(self, definition: Any) -> RevisedSeries:
        """Give a series another definition: for the dates to come, and for campaigns at work.

        A date that has come due keeps its date, also where the new recurrence has another one.
        Each campaign that is not over is revised by itself; one that refuses stays as it was,
        and says why. The same definition again revises those that have an older one still.

        Raises:
            InvalidInput: for a definition that cannot be meant.
            NotFound: `series_unknown`.
            Conflict: `series_cancelled`; `user_erased`.
        """
        now = self._now()
        read = definitions.parse_series(definition, now=now)
        with self._write() as tx:
            series.require_standing(tx, read.series_id)
            taken = series_dates.taken_dates(tx, read.series_id)
            to_come = definitions.dates_from(read, not_over_at=now)
            following = next((each for each in to_come if each.local_date not in taken), None)
            revision = series.revise(tx, read.series_id, definition, _next(following), now=now)
            if revision is not None:
                self._audit(tx, "series:revise", read.series_id, after={"revision": revision})
        return RevisedSeries(
            revision is None, self._status(read.series_id), self._revise_campaigns(read)
        )

    @needs(Permission.CAMPAIGNS_SEND)
    def pause(self, series_id: SeriesId) -> SeriesStatus:
        """Let no date become a campaign, and nothing of its campaigns go out, until it is resumed.

        A date whose window ends meanwhile is missed.

        Raises:
            NotFound: `series_unknown`.
            Conflict: `series_cancelled`.
        """
        now = self._now()
        with self._write() as tx:
            if series.require_standing(tx, series_id).paused_at is None:
                series.set_paused(tx, series_id, now)
                # At the same instant, by which they are known when it is resumed.
                paused = [
                    each.campaign_id
                    for each in series_dates.at_work(tx, series_id, now=now)
                    if pauses.pause(tx, each.campaign_id, now=now)
                ]
                self._audit(tx, "series:pause", series_id, after={"campaigns": len(paused)})
        return self._status(series_id)

    @needs(Permission.CAMPAIGNS_SEND)
    def resume(self, series_id: SeriesId) -> SeriesStatus:
        """Let it go on: with dates whose windows are not over, and campaigns it was paused with.

        A campaign that was paused alone stays paused.

        Raises:
            NotFound: `series_unknown`.
            Conflict: `series_cancelled`.
        """
        now = self._now()
        with self._write() as tx:
            paused_at = series.require_standing(tx, series_id).paused_at
            if paused_at is not None:
                series.set_paused(tx, series_id, None)
                resumed = [
                    each.campaign_id
                    for each in series_dates.at_work(tx, series_id, now=now)
                    if campaigns.get_campaign(tx, each.campaign_id).paused_at == paused_at
                    and pauses.resume(tx, each.campaign_id, now=now)
                ]
                series_dates.try_now(tx, series_id, now=now)
                self._audit(tx, "series:resume", series_id, after={"campaigns": len(resumed)})
        return self._status(series_id)

    @needs(Permission.CAMPAIGNS_SEND)
    def cancel(self, series_id: SeriesId) -> SeriesStatus:
        """Stop a series for good, and call off what its campaigns have not handed over yet.

        Raises:
            NotFound: `series_unknown`.
        """
        now = self._now()
        with self._write() as tx:
            if series.lock(tx, series_id).cancelled_at is None:
                series.set_cancelled(tx, series_id, now=now)
                at_work = series_dates.at_work(tx, series_id, now=now)
                called_off = sum(
                    plans.cancel_campaign(
                        tx, each.campaign_id, reason=EndReason.CAMPAIGN_CANCELLED, now=now
                    )
                    for each in at_work
                )
                for each in series_dates.waiting(tx, series_id):
                    series_dates.settle(
                        tx,
                        series_id,
                        each.local_date,
                        DateState.CANCELLED,
                        now=now,
                        code="series_cancelled",
                        message="its series was cancelled",
                    )
                told = {"campaigns": len(at_work), "called_off": called_off}
                self._audit(tx, "series:cancel", series_id, after=told)
        return self._status(series_id)

    @needs(Permission.CAMPAIGNS_READ)
    def get(self, series_id: SeriesId) -> SeriesStatus:
        """Return a series, and what comes next.

        Raises:
            NotFound: `series_unknown`.
        """
        return self._status(series_id)

    @needs(Permission.CAMPAIGNS_READ)
    def page(self, *, behind: SeriesKey | None = None, limit: int) -> Page[ListedSeries]:
        """Return series, the newest first."""
        with self._read() as tx:
            return series.page(tx, behind=behind, limit=limit)

    @needs(Permission.CAMPAIGNS_READ)
    def dates(
        self, series_id: SeriesId, *, behind: str | None = None, limit: int
    ) -> Page[StoredDate]:
        """Return the dates of a series that have come due, the latest first.

        Raises:
            NotFound: `series_unknown`.
        """
        with self._read() as tx:
            series.get(tx, series_id)
            return series_dates.page(tx, series_id, behind=behind, limit=limit)

    @property
    def _campaigns(self) -> Campaigns:
        return Campaigns(self._stores, self._principal)

    def _revise_campaigns(self, read: Series) -> tuple[RevisedDate, ...]:
        """Revise every campaign of a series that is at work and has an older definition."""
        now = self._now()
        with self._read() as tx:
            revision = series.get(tx, read.series_id).revision
            behind = [
                each
                for each in series_dates.at_work(tx, read.series_id, now=now)
                if (each.revision or 0) < revision
            ]
        return tuple(self._revise_campaign(read, each, revision) for each in behind)

    def _revise_campaign(self, read: Series, stored: StoredDate, revision: int) -> RevisedDate:
        day = stored.local_date
        try:
            report = self._campaigns.revise(definitions.campaign_definition(read.definition, day))
        except (InvalidInput, Conflict, NotFound) as refusal:
            return RevisedDate(stored.campaign_id, {}, refusal)
        ends_at = definitions.date_of(read, day).ends_at
        with self._write() as tx:
            series_dates.note_revision(tx, read.series_id, day, revision, ends_at=ends_at)
        return RevisedDate(stored.campaign_id, report.counts, None)

    def _status(self, series_id: SeriesId) -> SeriesStatus:
        with self._read() as tx:
            stored = series.get(tx, series_id)
            waiting = series_dates.waiting(tx, series_id)
            taken = series_dates.taken_dates(tx, series_id)
        upcoming = list[SeriesDate]()
        if stored.next is not None:
            read = definitions.stored_series(stored.definition)
            dates = definitions.dates_from(
                read, since=stored.next.local_date, not_over_at=self._now()
            )
            upcoming += islice((each for each in dates if each.local_date not in taken), _SHOWN)
        told = asdict(stored)
        del told["next"]
        return SeriesStatus(**told, upcoming=tuple(upcoming), waiting=tuple(waiting))


def _next(following: SeriesDate | None) -> NextDate | None:
    return None if following is None else NextDate(following.local_date, following.commit_at)
