"""Plan several campaigns together, so that none takes the best times by being first."""

from __future__ import annotations

from fastapi import APIRouter

from sendopt.api import openapi, problems
from sendopt.api.auth import CampaignsRead, CampaignsSend, Facade
from sendopt.api.body import JsonBody
from sendopt.api.routing import Route
from sendopt.api.schemas.campaigns import JointPreview
from sendopt.app.plans import CommitDefinition, PlanDefinition

_REFUSED = {
    404: ["campaign_unknown"],
    422: ["duplicate_id", "id_invalid", "no_feasible_slot"],
}
_EXAMPLE = {"campaign_ids": ["autumn-sale", "new-shoes"]}

router = APIRouter(prefix="/v1/plans", tags=["campaigns"], route_class=Route)


@router.post(
    "/preview",
    responses=problems.responses(
        {**_REFUSED, 409: ["campaign_cancelled", "user_erased"]}, body=True
    ),
    openapi_extra=openapi.takes(PlanDefinition, example=_EXAMPLE),
)
def preview_plan(who: CampaignsRead, app: Facade, body: JsonBody) -> JointPreview:
    """Say what committing stored campaigns together would do, and what each limit costs."""
    return JointPreview.of(app.for_(who).plans.preview(body))


@router.post(
    "",
    responses=problems.responses(
        {
            **_REFUSED,
            409: [
                "campaign_cancelled",
                "campaign_changed",
                "expected_sends_differ",
                "planned_meanwhile",
                "user_erased",
            ],
        },
        body=True,
    ),
    openapi_extra=openapi.takes(CommitDefinition, example=_EXAMPLE),
)
def commit_plan(who: CampaignsSend, app: Facade, body: JsonBody) -> JointPreview:
    """Plan stored campaigns together, and let the sends of all of them go out, or of none.

    With `expected_sends` it refuses a plan of another size than the preview showed.
    Again it plans for those who joined the audiences since, and for nobody else.
    """
    return JointPreview.of(app.for_(who).plans.commit(body))
