"""What is said of campaigns that come again."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.api.schemas.campaigns import Preview
from sendopt.errors import SendoptError
from sendopt.records import DateState, SeriesPhase
from sendopt.schedule.series import EXAMPLE

_DATE = {
    "local_date": "2026-12-01",
    "campaign_id": "tuesday-tips-2026-12-01",
    "commit_at": "2026-11-30T23:00:00Z",
    "ends_at": "2026-12-02T09:00:00Z",
}


class SeriesDate(Answer):
    """A date of a series that is to come."""

    local_date: date
    """On each user's own calendar."""
    campaign_id: str
    """That it becomes."""
    commit_at: datetime
    """When it is planned and committed."""
    ends_at: datetime
    """When its window is over everywhere."""


class DueDate(Answer):
    """A date of a series that has come due, and what became of it."""

    model_config = shown_as(
        {
            **_DATE,
            "state": "committed",
            "revision": 1,
            "try_at": None,
            "try_count": 1,
            "settled_at": "2026-11-30T23:00:04Z",
            "code": None,
            "message": None,
        }
    )

    local_date: date
    campaign_id: str
    commit_at: datetime
    ends_at: datetime
    state: DateState
    revision: int | None
    """Of the series, by which its campaign stands; null = it is none."""
    try_at: datetime | None
    """When it is tried next; null = it is settled."""
    try_count: int
    settled_at: datetime | None
    code: str | None
    """Why it is not committed; null = nothing stood in the way."""
    message: str | None


class SeriesStatus(Answer):
    """A series as it was defined last, how far it has come, and what comes next."""

    model_config = shown_as(
        {
            "series_id": "tuesday-tips",
            "phase": "active",
            "revision": 1,
            "definition": EXAMPLE,
            "created_at": "2026-11-20T09:30:00Z",
            "changed_at": "2026-11-20T09:30:00Z",
            "paused_at": None,
            "cancelled_at": None,
            "upcoming": [_DATE],
            "waiting": [],
        }
    )

    series_id: str
    phase: SeriesPhase
    revision: int
    """Grows when it is revised; the first is 1."""
    definition: dict[str, Any]
    created_at: datetime
    changed_at: datetime
    """When this definition was accepted."""
    paused_at: datetime | None
    cancelled_at: datetime | None
    upcoming: list[SeriesDate]
    """The next ones, the earliest first; at most 10."""
    waiting: list[DueDate]
    """What has come due, and is no campaign yet."""


class PutSeries(Answer):
    """What putting a series did."""

    model_config = shown_as({"repeated": False, "status": SeriesStatus.examples()[0]})

    repeated: bool
    """The same definition was there before."""
    status: SeriesStatus


class ListedSeries(Answer):
    """A series without its definition and its dates."""

    model_config = shown_as(
        {
            "series_id": "tuesday-tips",
            "phase": "active",
            "revision": 1,
            "created_at": "2026-11-20T09:30:00Z",
            "next_date": "2026-12-01",
            "next_commit_at": "2026-11-30T23:00:00Z",
        }
    )

    series_id: str
    phase: SeriesPhase
    revision: int
    created_at: datetime
    next_date: date | None
    """null = all of its dates have come due."""
    next_commit_at: datetime | None


class SeriesPreview(Answer):
    """What a series would do."""

    model_config = shown_as({"dates": [_DATE], "preview": Preview.examples()[0]})

    dates: list[SeriesDate]
    """The next ones, the earliest first; at most 10."""
    preview: Preview
    """Of the first of them, as if it were committed now."""


class RevisedDate(Answer):
    """What a revision did to the campaign of a date that had come due."""

    campaign_id: str
    counts: dict[str, int]
    """Of its sends, by state."""
    code: str | None
    """Why it stays as it was; null = it has the new definition."""
    message: str | None

    @classmethod
    def told(cls, campaign_id: str, counts: Any, refusal: SendoptError | None) -> RevisedDate:
        code, message = (None, None) if refusal is None else (refusal.code, refusal.message)
        return cls(campaign_id=campaign_id, counts=dict(counts), code=code, message=message)


class RevisedSeries(Answer):
    """What revising a series did."""

    model_config = shown_as(
        {"repeated": False, "status": SeriesStatus.examples()[0], "campaigns": []}
    )

    repeated: bool
    """The same definition was there before."""
    status: SeriesStatus
    campaigns: list[RevisedDate]
    """Those that were not over."""
