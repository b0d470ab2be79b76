"""Keep what a tenant knows of its users, and say when each is likely to respond."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from sendopt.api import openapi, problems
from sendopt.api.answers import Answer, PathUserId
from sendopt.api.auth import Facade, ScoresRead, UsersRead, UsersWrite
from sendopt.api.best_times import SOURCE_DESCRIBED, SOURCE_HEADER
from sendopt.api.body import JsonBody
from sendopt.api.routing import Route
from sendopt.app.best_times import BestTimes
from sendopt.app.defaults import CONFIGURED_HOUR
from sendopt.app.explain import ExplainedUser
from sendopt.ingest.profile import ProfileBody
from sendopt.records import UserId

router = APIRouter(prefix="/v1/users", tags=["users"], route_class=Route)


class User(Answer):
    """A user as the tenant has described it, and whether it wants nothing more."""

    user_id: str
    timezone: str | None  # the profile's; a device may know better
    opted_out_at: datetime | None


@router.get("/{user_id}", responses=problems.responses(401, 404, 503))
def user(who: UsersRead, app: Facade, user_id: PathUserId) -> User:
    """Show a user's profile; users that only events have named have none."""
    return User.model_validate(app.user(who.tenant_id, UserId(user_id)))


@router.put(
    "/{user_id}",
    responses=problems.responses(400, 401, 404, 408, 413, 415, 422, 503),
    openapi_extra=openapi.takes(ProfileBody, example={"timezone": "Europe/Vienna"}),
)
def put_user(who: UsersWrite, app: Facade, user_id: PathUserId, body: JsonBody) -> User:
    """Set a user's zone, or forget it with null. No profile ends an opt-out.

    What is planned keeps its time; the next plan uses the zone, unless the device has its own.
    """
    return User.model_validate(app.put_user(who.tenant_id, user_id, body))


@router.get(
    "/{user_id}/best-times",
    responses={200: {"headers": SOURCE_DESCRIBED}, **problems.responses(401, 404, 422, 503)},
)
def best_times(
    who: ScoresRead,
    app: Facade,
    user_id: PathUserId,
    response: Response,
    top: Annotated[int, Query(ge=1, le=168, description="How many hours, best first.")] = 24,
) -> BestTimes:
    """Return the hours of the week, in the user's own zone, best first.

    Where the champion cannot speak, `fallback_reason` says why. The last good model then answers;
    without one there are no slots, and none are made up.
    """
    times, source = app.best_times_and_source(who.tenant_id, UserId(user_id), top=top)
    response.headers[SOURCE_HEADER] = source
    return times


@router.get("/{user_id}/explanation", responses=problems.responses(401, 404, 422, 503))
def explanation(
    who: ScoresRead,
    app: Facade,
    user_id: PathUserId,
    configured_hour: Annotated[
        int, Query(ge=0, le=23, description="Local hour that the best one is held against.")
    ] = CONFIGURED_HOUR,
) -> ExplainedUser:
    """Say why the user's best time is what it is, in words and in every figure behind them.

    Where no model speaks there is nothing to explain: 503, with the champion's reason as `code`.
    """
    return app.explain(who.tenant_id, UserId(user_id), configured_hour=configured_hour)
