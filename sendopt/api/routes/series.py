"""Campaigns that come again: define them, see what comes next, and stop them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response

from sendopt.api import openapi, problems
from sendopt.api.auth import CampaignsRead, CampaignsSend, CampaignsWrite, Facade
from sendopt.api.body import JsonBody
from sendopt.api.ids import PathId
from sendopt.api.paging import PAGED, Paged
from sendopt.api.routing import Route
from sendopt.api.schemas.page import Page
from sendopt.api.schemas.series import (
    DueDate,
    ListedSeries,
    PutSeries,
    RevisedDate,
    RevisedSeries,
    SeriesPreview,
    SeriesStatus,
)
from sendopt.errors import InvalidInput
from sendopt.records import Permission, SeriesId
from sendopt.schedule.series import EXAMPLE, SeriesDefinition
from sendopt.state import series as states
from sendopt.state.series import SeriesKey

_INVALID = {
    422: [
        *("audience_invalid", "duplicate_id", "experiment_invalid", "exploration_invalid"),
        *("id_invalid", "message_class_invalid", "no_feasible_slot", "payload_too_large"),
        *("placeholder_unfilled", "recurrence_invalid", "time_invalid", "url_not_allowed"),
        "window_invalid",
    ]
}
_UNKNOWN = {404: ["series_unknown", "not_found"]}
_CANCELLED = {409: ["series_cancelled"]}

router = APIRouter(prefix="/v1/series", tags=["series"], route_class=Route)


@router.post(
    "",
    status_code=201,
    responses={
        200: {"model": PutSeries, "description": "Was there before with this definition"},
        **problems.responses(
            {**_INVALID, 409: ["series_conflict", "series_cancelled", "user_erased"]}, body=True
        ),
    },
    openapi_extra=openapi.takes(SeriesDefinition, example=EXAMPLE),
)
def put_series(response: Response, who: CampaignsWrite, app: Facade, body: JsonBody) -> PutSeries:
    """Define a campaign that comes again; each of its dates is committed when it comes due.

    A date comes due `lead_minutes` before it begins where it begins first, and becomes a campaign
    like any other. The same definition again changes nothing. Who puts a series needs
    `campaigns:send` as well.
    """
    who.require(Permission.CAMPAIGNS_SEND)
    answer = PutSeries.of(app.for_(who).series.put(body))
    if answer.repeated:
        response.status_code = 200
    return answer


@router.get("", responses=problems.responses(PAGED))
def list_series(who: CampaignsRead, app: Facade, paging: Paged) -> Page[ListedSeries]:
    """List series, the newest first."""
    behind = paging.behind(SeriesKey, datetime, str)
    found = app.for_(who).series.page(behind=behind, limit=paging.limit)
    return paging.page(found, _listed)


@router.post(
    "/preview",
    responses=problems.responses({**_INVALID, 409: ["user_erased"]}, body=True),
    openapi_extra=openapi.takes(SeriesDefinition, example=EXAMPLE),
)
def preview_series(who: CampaignsRead, app: Facade, body: JsonBody) -> SeriesPreview:
    """Say on which dates a series would come, and what its next one would do now."""
    return SeriesPreview.of(app.for_(who).series.preview(body))


@router.get("/{series_id}", responses=problems.responses(_UNKNOWN))
def get_series(who: CampaignsRead, app: Facade, series_id: PathId) -> SeriesStatus:
    """Show a series, and what comes next."""
    return SeriesStatus.of(app.for_(who).series.get(SeriesId(series_id)))


@router.get(
    "/{series_id}/dates",
    responses=problems.responses({404: _UNKNOWN[404], 422: PAGED[422]}),
)
def list_series_dates(
    who: CampaignsRead, app: Facade, paging: Paged, series_id: PathId
) -> Page[DueDate]:
    """List the dates that have come due, the latest first, and what became of each."""
    found = app.for_(who).series.dates(
        SeriesId(series_id), behind=paging.behind(str, str), limit=paging.limit
    )
    return paging.page(found, DueDate.of)


@router.post("/{series_id}/pause", responses=problems.responses(_UNKNOWN | _CANCELLED))
def pause_series(who: CampaignsSend, app: Facade, series_id: PathId) -> SeriesStatus:
    """Let no date become a campaign, and nothing of its campaigns go out, until it is resumed.

    A date whose window ends meanwhile is missed, and says so.
    """
    return SeriesStatus.of(app.for_(who).series.pause(SeriesId(series_id)))


@router.post("/{series_id}/resume", responses=problems.responses(_UNKNOWN | _CANCELLED))
def resume_series(who: CampaignsSend, app: Facade, series_id: PathId) -> SeriesStatus:
    """Let it go on; a campaign of it that was paused alone stays paused."""
    return SeriesStatus.of(app.for_(who).series.resume(SeriesId(series_id)))


@router.post(
    "/{series_id}/revise",
    responses=problems.responses(
        {
            **_UNKNOWN,
            409: ["series_cancelled", "user_erased"],
            422: [*_INVALID[422], "id_mismatch"],
        },
        body=True,
    ),
    openapi_extra=openapi.takes(SeriesDefinition, example=EXAMPLE),
)
def revise_series(
    who: CampaignsSend, app: Facade, series_id: PathId, body: JsonBody
) -> RevisedSeries:
    """Give a series another definition: for the dates to come, and for campaigns at work.

    Of these who has not been sent to gets the new one; a campaign that refuses says why.
    """
    _require_same_id(body, series_id)
    revised = app.for_(who).series.revise(body)
    return RevisedSeries(
        repeated=revised.repeated,
        status=SeriesStatus.of(revised.status),
        campaigns=[
            RevisedDate.told(each.campaign_id, each.counts, each.refusal)
            for each in revised.campaigns
        ],
    )


@router.post("/{series_id}/cancel", responses=problems.responses(_UNKNOWN))
def cancel_series(who: CampaignsSend, app: Facade, series_id: PathId) -> SeriesStatus:
    """Stop a series for good, and call off what its campaigns have not handed over yet."""
    return SeriesStatus.of(app.for_(who).series.cancel(SeriesId(series_id)))


def _listed(found: states.ListedSeries) -> ListedSeries:
    return ListedSeries(
        series_id=found.series_id,
        phase=found.phase,
        revision=found.revision,
        created_at=found.created_at,
        next_date=None if found.next is None else found.next.local_date,
        next_commit_at=None if found.next is None else found.next.commit_at,
    )


def _require_same_id(body: Any, series_id: str) -> None:
    """Refuse a definition of another series; one that is none is refused as it is read."""
    named = body.get("series_id") if isinstance(body, dict) else None
    if isinstance(named, str) and named != series_id:
        raise InvalidInput(
            "the address names another series than the body",
            code="id_mismatch",
            field="/series_id",
            expected=series_id,
        )
