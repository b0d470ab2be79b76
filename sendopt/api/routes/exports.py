"""Hand out whole lists and reports as CSV or Parquet."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from sendopt.api import problems
from sendopt.api.auth import DevicesRead, Facade, ResultsRead, SendsRead, StatementsRead, UsersRead
from sendopt.api.exports import FILE, Exported, streamed
from sendopt.api.ids import PathId
from sendopt.api.routes.sends import Filter
from sendopt.api.routes.statements import Period
from sendopt.api.routing import Route
from sendopt.app import exports
from sendopt.app.table_files import Form
from sendopt.records import CampaignId

router = APIRouter(prefix="/v1/exports", tags=["exports"], route_class=Route)


def _form(
    request: Request,
    format: Annotated[  # noqa: A002 - what clients call it
        Form | None, Query(description="Without it the header Accept says so, or it is CSV.")
    ] = None,
) -> Form:
    wants_parquet = Form.PARQUET.media_type in request.headers.get("accept", "")
    return format or (Form.PARQUET if wants_parquet else Form.CSV)


AsForm = Annotated[Form, Depends(_form)]
_PARAMETERS = {422: ["wrong_type", "invalid"]}
_FILE: dict[str, Any] = {"response_class": StreamingResponse}


@router.get(
    "/sends",
    responses=FILE | problems.responses({422: ["time_invalid", "wrong_type", "invalid"]}),
    **_FILE,
)
async def export_sends(
    request: Request, who: SendsRead, app: Facade, form: AsForm, wanted: Filter
) -> Exported:
    """Hand out all sends, or those that are asked for, by campaign and user."""
    return await streamed(request, lambda: exports.sends(app.for_(who), wanted), form)


@router.get("/users", responses=FILE | problems.responses(_PARAMETERS), **_FILE)
async def export_users(request: Request, who: UsersRead, app: Facade, form: AsForm) -> Exported:
    """Hand out all users by id; those that only events have named are not among them."""
    return await streamed(request, lambda: exports.users(app.for_(who)), form)


@router.get("/devices", responses=FILE | problems.responses(_PARAMETERS), **_FILE)
async def export_devices(request: Request, who: DevicesRead, app: Facade, form: AsForm) -> Exported:
    """Hand out all devices by id, without their addresses."""
    return await streamed(request, lambda: exports.devices(app.for_(who)), form)


@router.get(
    "/campaigns/{campaign_id}/results",
    responses=FILE | problems.responses({**_PARAMETERS, 404: ["campaign_unknown", "not_found"]}),
    **_FILE,
)
async def export_results(
    request: Request, who: ResultsRead, app: Facade, campaign_id: PathId, form: AsForm
) -> Exported:
    """Hand out what came of a campaign: a row in total, and for each value of each division."""
    of_campaign = CampaignId(campaign_id)
    return await streamed(request, lambda: exports.results(app.for_(who), of_campaign), form)


@router.get(
    "/statements/{period}",
    responses=FILE | problems.responses({422: ["period_invalid", "wrong_type", "invalid"]}),
    **_FILE,
)
async def export_statement(
    request: Request, who: StatementsRead, app: Facade, period: Period, form: AsForm
) -> Exported:
    """Hand out the lines of a month's statement."""
    return await streamed(request, lambda: exports.lines(app.for_(who), period), form)
