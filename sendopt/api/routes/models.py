"""Show which models there are, and go back to one that served."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from sendopt.api import openapi, problems
from sendopt.api.answers import Answer
from sendopt.api.auth import Facade, ModelsRead, ModelsWrite
from sendopt.api.body import JsonBody
from sendopt.api.routing import Route
from sendopt.app.models import RollbackBody

router = APIRouter(prefix="/v1/models", tags=["models"], route_class=Route)


class Move(Answer):
    """The champion changed to this version."""

    kind: str  # "promoted" or "rolled_back"
    before: str | None  # the number of the version that served until then
    at: datetime
    by: str
    reason: str


class Model(Answer):
    """One version of the tenant's model, and what became of it."""

    number: str
    version: str  # the first 16 hex digits of the SHA-256 of its files
    aliases: tuple[str, ...]  # "champion", "challenger", "last_good"
    trained_until: datetime | None  # the end of the log that it saw
    learned_until: datetime | None  # it was fitted to nothing from then on; null in old models
    outcome: str | None  # what it predicts: "open", "click" or "response"; null in old models
    open_window_seconds: float | None  # within which; null in old models
    gate: str  # "passed" or the names of the checks that refused it, and what was not judged
    served: bool
    moves: tuple[Move, ...] = Field(validation_alias="promotions")


@router.get("", responses=problems.responses(401, 503))
def models(who: ModelsRead, app: Facade) -> list[Model]:
    """List every version of the model, newest first."""
    return [Model.model_validate(model) for model in app.models(who.tenant_id)]


@router.post(
    "/rollback",
    responses=problems.responses(400, 401, 404, 408, 409, 413, 415, 422, 503),
    openapi_extra=openapi.takes(
        RollbackBody, example={"to": None, "reason": "opens fell by half since Monday"}
    ),
)
def roll_back(who: ModelsWrite, app: Facade, body: JsonBody) -> Model:
    """Let a former champion serve again, from the next request on; without `to` the last good one.

    What was never champion cannot be let in by this door: the gate refused it.
    """
    return Model.model_validate(app.roll_back_model(who.tenant_id, body, by="api"))
