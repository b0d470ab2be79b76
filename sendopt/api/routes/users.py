"""Keep what a tenant knows of its users, and say when each is likely to respond."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from sendopt.api import openapi, problems
from sendopt.api.auth import Facade, ScoresRead, UsersRead, UsersWrite
from sendopt.api.best_times import SOURCE_DESCRIBED, SOURCE_HEADER
from sendopt.api.body import JsonBody, ManyBodies
from sendopt.api.ids import PathUserId
from sendopt.api.many import BATCH_CODES, BODY_RESPONSES, MAX_BODIES, told
from sendopt.api.paging import PAGED, Paged
from sendopt.api.routing import Route
from sendopt.api.schemas.bodies import BodyVerdicts
from sendopt.api.schemas.explanations import ExplainedUser
from sendopt.api.schemas.page import Page
from sendopt.api.schemas.users import BestTimes, User
from sendopt.app.defaults import CONFIGURED_HOUR
from sendopt.ingest.profile import ProfileBody, ProfileRow
from sendopt.records import UserId

_UNKNOWN = {404: ["user_unknown", "not_found"]}
_PARAMETERS = {422: ["wrong_type", "invalid"]}
_NO_MODEL = [
    *("model_stale", "model_damaged", "model_failed", "model_too_slow", "model_output_invalid"),
    "registry_unavailable",
]

router = APIRouter(prefix="/v1/users", tags=["users"], route_class=Route)


@router.get("", responses=problems.responses(PAGED))
def list_users(
    who: UsersRead,
    app: Facade,
    paging: Paged,
    *,
    opted_out: Annotated[
        bool | None, Query(description="Only who wants nothing more; or only the others.")
    ] = None,
) -> Page[User]:
    """List users by id; those that only events have named are not among them."""
    found = app.for_(who).users.page(
        opted_out=opted_out, behind=paging.behind(UserId, str), limit=paging.limit
    )
    return paging.page(found, User.of)


@router.post(
    "/import",
    responses=BODY_RESPONSES
    | problems.responses({422: ["zone_invalid", "null_spelled", *BATCH_CODES]}, body=True),
    openapi_extra=openapi.takes(
        ProfileRow, example=[{"user_id": "user-7", "timezone": "Europe/Vienna"}], up_to=MAX_BODIES
    ),
)
def import_users(
    response: Response, who: UsersWrite, app: Facade, body: ManyBodies
) -> BodyVerdicts:
    """Set the zones of up to 500 users: an array of them, or a line each (`application/x-ndjson`).

    A zone that is left out stays as it is; null forgets it. Every user gets its verdict, in order.
    200: all of it is on disk, now or before. 207: at least one was refused; nothing of it was
    stored but an opt-out, everything else was.
    """
    return told(app.for_(who).users.put_all(body), response)


@router.get("/{user_id}", responses=problems.responses(_UNKNOWN))
def get_user(who: UsersRead, app: Facade, user_id: PathUserId) -> User:
    """Show a user's profile; users that only events have named have none."""
    return User.of(app.for_(who).users.get(UserId(user_id)))


@router.put(
    "/{user_id}",
    responses=problems.responses(
        {404: ["not_found"], 409: ["user_erased"], 422: ["zone_invalid", "null_spelled"]},
        body=True,
    ),
    openapi_extra=openapi.takes(ProfileBody, example={"timezone": "Europe/Vienna"}),
)
def put_user(who: UsersWrite, app: Facade, user_id: PathUserId, body: JsonBody) -> User:
    """Set a user's zone, or forget it with null. No profile ends an opt-out.

    What is planned keeps its time; the next plan uses the zone, unless the device has its own.
    """
    return User.of(app.for_(who).users.put(user_id, body))


@router.get(
    "/{user_id}/best-times",
    responses={
        200: {"headers": SOURCE_DESCRIBED},
        **problems.responses({**_UNKNOWN, **_PARAMETERS}),
    },
)
def get_best_times(
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
    times, source = app.for_(who).scores.best_times_and_source(UserId(user_id), top=top)
    response.headers[SOURCE_HEADER] = source
    return BestTimes.of(times)


@router.get(
    "/{user_id}/explanation",
    responses=problems.responses({**_UNKNOWN, **_PARAMETERS, 409: ["no_champion"], 503: _NO_MODEL}),
)
def explain_best_times(
    who: ScoresRead,
    app: Facade,
    user_id: PathUserId,
    configured_hour: Annotated[
        int, Query(ge=0, le=23, description="Local hour that the best one is held against.")
    ] = CONFIGURED_HOUR,
) -> ExplainedUser:
    """Say why the user's best time is what it is, in words and in every figure behind them.

    Where no model speaks there is nothing to explain: 409 `no_champion` before one was trained, 503
    with the champion's reason as `code` where it cannot speak.
    """
    explained = app.for_(who).explanations.user(UserId(user_id), configured_hour=configured_hour)
    return ExplainedUser.of(explained)
