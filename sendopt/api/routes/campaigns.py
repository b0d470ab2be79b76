"""Plan a campaign, look at the plan, carry it out or call it off."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from sendopt.api import openapi, problems
from sendopt.api.auth import (
    CampaignsRead,
    CampaignsSend,
    CampaignsWrite,
    Facade,
    ResultsRead,
    SendsRead,
)
from sendopt.api.body import JsonBody
from sendopt.api.ids import PathId, PathUserId
from sendopt.api.paging import PAGED, Paged
from sendopt.api.routing import Route
from sendopt.api.schemas.campaigns import (
    CampaignReport,
    CampaignStatus,
    ListedCampaign,
    Preview,
    Results,
    RevisionReport,
)
from sendopt.api.schemas.page import Page
from sendopt.api.schemas.reach import Reach
from sendopt.errors import InvalidInput
from sendopt.records import CampaignId, CampaignPhase, Permission, UserId
from sendopt.schedule import EXAMPLE
from sendopt.schedule.campaign import CampaignDefinition
from sendopt.state.campaign_list import CampaignKey

_INVALID = {
    422: [
        *("audience_invalid", "duplicate_id", "experiment_invalid"),
        *("exploration_invalid", "id_invalid", "id_mismatch"),
        "message_class_invalid",
        *("no_feasible_slot", "payload_too_large", "placeholder_unfilled", "time_invalid"),
        *("url_not_allowed", "window_invalid"),
    ]
}
_UNKNOWN = {404: ["campaign_unknown", "not_found"]}
_NOT_AT_WORK = {409: ["campaign_cancelled", "campaign_not_committed"]}
_CONFLICTS = ["campaign_conflict", "campaign_changed", "campaign_cancelled", "user_erased"]

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"], route_class=Route)


@router.post(
    "",
    status_code=201,
    responses={
        200: {
            "model": CampaignReport,
            "description": "Was there before: with this definition, or as a draft",
        },
        **problems.responses({**_INVALID, 409: _CONFLICTS}, body=True),
    },
    openapi_extra=openapi.takes(CampaignDefinition, example=EXAMPLE),
)
def put_campaign(
    response: Response,
    who: CampaignsWrite,
    app: Facade,
    body: JsonBody,
    *,
    commit: Annotated[bool, Query(description="Plan and send; else nothing goes out.")] = False,
) -> CampaignReport:
    """Define a campaign; with `commit=true` everybody's time is chosen, and the sends go out.

    The same definition again changes nothing, so that a request whose answer was lost can be
    repeated. Until it is committed a campaign is a draft: another definition under its id takes
    the place of the first. Then it is refused (409), and can be revised.
    """
    if commit:
        who.require(Permission.CAMPAIGNS_SEND)
    report = CampaignReport.of(app.for_(who).campaigns.put(body, commit=commit))
    if report.repeated or report.changed:
        response.status_code = 200
    return report


@router.get("", responses=problems.responses(PAGED))
def list_campaigns(
    who: CampaignsRead,
    app: Facade,
    paging: Paged,
    *,
    phase: Annotated[CampaignPhase | None, Query(description="Only in this phase.")] = None,
) -> Page[ListedCampaign]:
    """List campaigns, the newest first."""
    behind = paging.behind(CampaignKey, datetime, str)
    found = app.for_(who).campaigns.page(phase=phase, behind=behind, limit=paging.limit)
    return paging.page(found, ListedCampaign.of)


@router.get("/{campaign_id}/results", responses=problems.responses(_UNKNOWN))
def get_results(who: ResultsRead, app: Facade, campaign_id: PathId) -> Results:
    """Count what came of a campaign so far, by revision, variant, arm, local hour and channel.

    These are counts, and no claim: whether choosing the time was worth it says /v1/lift.
    """
    return Results.of(app.for_(who).results.of_campaign(CampaignId(campaign_id)))


@router.get(
    "/{campaign_id}/users/{user_id}",
    responses=problems.responses({404: ["campaign_unknown", "user_unknown", "not_found"]}),
)
def get_reach(who: SendsRead, app: Facade, campaign_id: PathId, user_id: PathUserId) -> Reach:
    """Say whether and when a campaign reaches a user, or why not.

    By what is stored of its send; where there is none, by what a commit now would do with it,
    without asking a model which of the allowed times it would be.
    """
    return Reach.of(app.for_(who).campaigns.reach(CampaignId(campaign_id), UserId(user_id)))


@router.get("/{campaign_id}", responses=problems.responses(_UNKNOWN))
def get_campaign(who: CampaignsRead, app: Facade, campaign_id: PathId) -> CampaignStatus:
    """Show a campaign and how many of its sends stand where."""
    return CampaignStatus.of(app.for_(who).campaigns.get(CampaignId(campaign_id)))


@router.get(
    "/{campaign_id}/preview",
    responses=problems.responses({**_UNKNOWN, **_INVALID, 409: ["user_erased"]}),
)
def preview_campaign(who: CampaignsRead, app: Facade, campaign_id: PathId) -> Preview:
    """Say what committing this campaign now would do; nothing is stored or sent."""
    return Preview.of(app.for_(who).campaigns.preview_stored(CampaignId(campaign_id)))


@router.post(
    "/{campaign_id}/preview",
    responses=problems.responses({**_INVALID, 404: ["not_found"], 409: ["user_erased"]}, body=True),
    openapi_extra=openapi.takes(CampaignDefinition, example=EXAMPLE),
)
def preview_definition(
    who: CampaignsRead, app: Facade, campaign_id: PathId, body: JsonBody
) -> Preview:
    """Say what committing this definition now would do; it need not be known, and stays unknown."""
    _require_same_id(body, campaign_id)
    return Preview.of(app.for_(who).campaigns.preview(body))


@router.post(
    "/{campaign_id}/commit",
    responses=problems.responses(
        {**_UNKNOWN, 409: ["campaign_cancelled", "campaign_changed"], **_INVALID}
    ),
)
def commit_campaign(who: CampaignsSend, app: Facade, campaign_id: PathId) -> CampaignReport:
    """Choose everybody's time by the stored definition, and let the sends go out.

    Again it plans for those who joined the audience since, and for nobody else.
    """
    return CampaignReport.of(app.for_(who).campaigns.commit(CampaignId(campaign_id)))


@router.post("/{campaign_id}/pause", responses=problems.responses(_UNKNOWN | _NOT_AT_WORK))
def pause_campaign(who: CampaignsSend, app: Facade, campaign_id: PathId) -> CampaignStatus:
    """Hand nothing of it over until it is resumed; what is being handed over ends by itself.

    What is planned stays planned. What expires meanwhile ends as `campaign_paused`.
    """
    return CampaignStatus.of(app.for_(who).campaigns.pause(CampaignId(campaign_id)))


@router.post("/{campaign_id}/resume", responses=problems.responses(_UNKNOWN | _NOT_AT_WORK))
def resume_campaign(who: CampaignsSend, app: Facade, campaign_id: PathId) -> CampaignStatus:
    """Let its sends go out: at their times, or now if these have come and it is not too late."""
    return CampaignStatus.of(app.for_(who).campaigns.resume(CampaignId(campaign_id)))


@router.post(
    "/{campaign_id}/revise",
    responses=problems.responses(
        {
            **_UNKNOWN,
            409: [
                *_NOT_AT_WORK[409],
                "campaign_changed",
                "arm_changed",
                "rules_unknown",
                "user_erased",
            ],
            422: [*_INVALID[422], "audience_settled", "holdout_settled"],
        },
        body=True,
    ),
    openapi_extra=openapi.takes(CampaignDefinition, example=EXAMPLE),
)
def revise_campaign(
    who: CampaignsSend, app: Facade, campaign_id: PathId, body: JsonBody
) -> RevisionReport:
    """Give a committed campaign another definition, for all who have not been sent to.

    Who was handed a message, or is being handed one, keeps it and gets no other. The same
    definition again changes nothing. Pause the campaign first if nothing more of the old one shall
    go out meanwhile.
    """
    _require_same_id(body, campaign_id)
    return RevisionReport.of(app.for_(who).campaigns.revise(body))


@router.post("/{campaign_id}/cancel", responses=problems.responses(_UNKNOWN))
def cancel_campaign(who: CampaignsSend, app: Facade, campaign_id: PathId) -> CampaignStatus:
    """Call off every send that no dispatcher has claimed yet; what went out stays out."""
    return CampaignStatus.of(app.for_(who).campaigns.cancel(CampaignId(campaign_id)))


def _require_same_id(body: Any, campaign_id: str) -> None:
    """Refuse a definition of another campaign; one that is none is refused as it is read."""
    named = body.get("campaign_id") if isinstance(body, dict) else None
    if isinstance(named, str) and named != campaign_id:
        raise InvalidInput(
            "the address names another campaign than the body",
            code="id_mismatch",
            field="/campaign_id",
            expected=campaign_id,
        )
