"""The limits within which a tenant sends, over all its campaigns."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from sendopt.api import openapi, problems
from sendopt.api.auth import Facade, LimitsRead, LimitsWrite
from sendopt.api.body import JsonBody
from sendopt.api.routing import Route
from sendopt.api.schemas.limits import LimitsStatus
from sendopt.schedule.limits import EXAMPLE, LimitsDefinition

_INVALID = {422: ["duplicate_limit", "duration_invalid", "id_invalid", "limit_of_zero"]}

router = APIRouter(prefix="/v1/limits", tags=["limits"], route_class=Route)


@router.get("", responses=problems.responses({404: ["limits_unknown"]}))
def get_limits(
    who: LimitsRead,
    app: Facade,
    *,
    version: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="The one that decisions name.")
    ] = None,
) -> LimitsStatus:
    """Show the limits that hold over all campaigns, or those that held as a version."""
    return LimitsStatus.of(app.for_(who).limits.get(version=version))


@router.put(
    "",
    responses=problems.responses(_INVALID, body=True),
    openapi_extra=openapi.takes(LimitsDefinition, example=EXAMPLE),
)
def put_limits(who: LimitsWrite, app: Facade, body: JsonBody) -> LimitsStatus:
    """Set the limits over all campaigns, in place of all that held before.

    A limit that is left out is none; `no_send_share` and `legal_hours` must be said. What says the
    same as the limits that hold changes nothing; anything else is a new version, which holds for
    whatever is planned from then on.
    """
    return LimitsStatus.of(app.for_(who).limits.put(body))
