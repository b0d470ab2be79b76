"""Show which models there are, and go back to one that served."""

from __future__ import annotations

from fastapi import APIRouter

from sendopt.api import openapi, problems
from sendopt.api.auth import Facade, ModelsRead, ModelsWrite
from sendopt.api.body import JsonBody
from sendopt.api.paging import PAGED, Paged
from sendopt.api.routing import Route
from sendopt.api.schemas.models import Model
from sendopt.api.schemas.page import Page
from sendopt.app.models import RollbackBody

_UNAVAILABLE = {503: ["registry_unavailable", "model_damaged"]}
_ROLL_BACK = {
    404: ["model_unknown"],
    409: ["no_champion", "no_last_good", "already_champion", "never_champion", "champion_changed"],
    422: ["model_ambiguous", "null_spelled"],
}

router = APIRouter(prefix="/v1/models", tags=["models"], route_class=Route)


@router.get("", responses=problems.responses(_UNAVAILABLE | PAGED))
def list_models(who: ModelsRead, app: Facade, paging: Paged) -> Page[Model]:
    """List the versions of the model, the newest first."""
    found = app.for_(who).models.page(behind=paging.behind(int, int), limit=paging.limit)
    return paging.page(found, Model.of)


@router.post(
    "/rollback",
    responses=problems.responses(_UNAVAILABLE | _ROLL_BACK, body=True),
    openapi_extra=openapi.takes(
        RollbackBody, example={"to": None, "reason": "opens fell by half since Monday"}
    ),
)
def roll_back(who: ModelsWrite, app: Facade, body: JsonBody) -> Model:
    """Let a former champion serve again, from the next request on; without `to` the last good one.

    What was never champion cannot be let in by this door: the gate refused it.
    """
    return Model.of(app.for_(who).models.roll_back(body))
