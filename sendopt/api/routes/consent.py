"""Keep what users say: whether they may be sent to, and what they want of it."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from sendopt.api import openapi, problems
from sendopt.api.auth import Facade, UsersRead, UsersWrite
from sendopt.api.body import JsonBody
from sendopt.api.ids import PathUserId
from sendopt.api.routing import Route
from sendopt.api.schemas.consent import ConsentHistory, NotedConsent, Preferences
from sendopt.ingest.consent import ConsentBody
from sendopt.ingest.preferences import PreferencesBody
from sendopt.records import UserId

router = APIRouter(prefix="/v1/users/{user_id}", tags=["users"], route_class=Route)

_UNKNOWN = {404: ["user_unknown", "not_found"]}
_REFUSED = {404: ["not_found"], 409: ["user_erased"]}
_OF_CONSENT = {**_REFUSED, 422: ["time_invalid", "time_in_future", "null_spelled"]}
_OF_PREFERENCES = {**_REFUSED, 422: ["time_invalid", "all_day_quiet", "null_spelled"]}


@router.get("/consent", responses=problems.responses(_UNKNOWN))
def get_consent(who: UsersRead, app: Facade, user_id: PathUserId) -> ConsentHistory:
    """Show whether a user may be sent to, and all that it said on it, the latest first.

    At most 1,000 statements are shown.
    """
    return ConsentHistory.of(app.for_(who).users.consent(UserId(user_id)))


@router.put(
    "/consent",
    responses=problems.responses(_OF_CONSENT, body=True),
    openapi_extra=openapi.takes(
        ConsentBody,
        example={"given": True, "source": "preference page", "at": "2026-10-01T11:30:00+02:00"},
    ),
)
def put_consent(who: UsersWrite, app: Facade, user_id: PathUserId, body: JsonBody) -> NotedConsent:
    """Keep what a user said on being sent to at all.

    The latest statement holds by its own time, in whatever order they come in; of two at one time
    the opt-out. An opt-out is heard whatever else is wrong with it: see `dropped_fields`. It stops
    what is planned; an opt-in is for plans to come.
    """
    read = app.for_(who).users.say(user_id, body)
    return NotedConsent.of({**asdict(read.consent), "dropped_fields": read.dropped_fields})


@router.get("/preferences", responses=problems.responses(_UNKNOWN))
def get_preferences(who: UsersRead, app: Facade, user_id: PathUserId) -> Preferences:
    """Show what a user wants of messages, as it can be put again."""
    return Preferences.of(app.for_(who).users.preferences(UserId(user_id)))


@router.put(
    "/preferences",
    responses=problems.responses(_OF_PREFERENCES, body=True),
    openapi_extra=openapi.takes(
        PreferencesBody,
        example={
            "topics": {"promotion": False},
            "quiet_hours": {"start": "21:00", "end": "09:00"},
            "snoozed_until": "2026-12-01T00:00:00Z",
        },
    ),
)
def put_preferences(
    who: UsersWrite, app: Facade, user_id: PathUserId, body: JsonBody
) -> Preferences:
    """Set what a user wants of messages, in place of all that was said before.

    Topics are message types; one that is not named is wanted. It holds for every campaign, beside
    the campaign's own limits, and for what is planned already.
    """
    return Preferences.of(app.for_(who).users.prefer(user_id, body))
