"""Find out who sends a request, and whether it may be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, cast

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sendopt.api.threads import in_thread
from sendopt.api.turns import Turn, Turns
from sendopt.app import App
from sendopt.app.authentication import Speaker
from sendopt.errors import NotAuthorized, NotPermitted
from sendopt.records import (
    DevicePrincipal,
    OperatorPermission,
    OperatorPrincipal,
    Origin,
    Permission,
    Principal,
)

#: How paths begin that are no tenant's: of operators, and of browsers with a token of their user.
OF_OPERATORS, OF_DEVICES = "/v1/operator/", "/v1/me/"

#: A key in a URL ends in access logs, browser histories and referrers: refused even if valid.
_KEY_PARAMETERS = ("key", "api_key", "apikey", "token", "access_token")

#: Beyond it an issuer counts as one that says nothing.
_PATIENCE_SECONDS = 5.0
_MOST_WHO_WAIT = 64
#: What such paths want to be asked with.
_WANTED = {
    OF_OPERATORS: "pass the key of an operator (so_op_...) in the header Authorization, as any "
    "key; `sendopt operator key issue NAME` makes one",
    OF_DEVICES: "pass the device token of a user (so_dev_...) in the header Authorization, as any "
    "key; your server gets one from `POST /v1/users/{user_id}/device-token`, and it ends after an "
    "hour unless you say otherwise",
}

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="api_key",
    description="`Authorization: Bearer so_...`, a key of one tenant. Also a key of an operator "
    "(`so_op_...`), the token of a browser (`so_dev_...`), or an access token of the issuer.",
)


class TokensToJudge(Turns):
    """Turns to wait for the keys of an issuer. Nobody waits for such a turn."""

    def __init__(self) -> None:
        super().__init__("the issuer", at_once=_MOST_WHO_WAIT, waiting=0, patience=0.0)


async def _facade(request: Request) -> App:
    return cast("App", request.app.state.facade)


async def speaker(
    request: Request,
    app: Annotated[App, Depends(_facade)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Speaker:
    """Return who speaks with what the request carries.

    Raises:
        NotAuthorized: for every reason the same.
        Overloaded: the keys of the issuer are not known, or too many wait for them.
    """
    if credentials is None or any(name in request.query_params for name in _KEY_PARAMETERS):
        raise NotAuthorized("no API key in the Authorization header", hint=_wanted(request))
    bearer = credentials.credentials
    if (renewal := app.renewal_of_keys(bearer)) is not None:
        turn: Turn = request.state.turn
        async with turn.aside(request.app.state.tokens_to_judge):  # no thread waits for an issuer
            await asyncio.wait({asyncio.wrap_future(renewal)}, timeout=_PATIENCE_SECONDS)
    try:
        speaker = await in_thread(lambda: app.authenticate(bearer))
    except NotAuthorized as error:
        raise NotAuthorized(error.message, hint=_wanted(request)) from error
    return replace(speaker, origin=_origin(request))


def _wanted(request: Request) -> str | None:
    """Return what a route wants to be asked with, by its path alone; None = a tenant's key."""
    path = request.scope["path"]
    return next((told for start, told in _WANTED.items() if path.startswith(start)), None)


def _origin(request: Request) -> Origin:
    """Return from where a request came; no header is believed that names another address."""
    place = "unknown" if request.client is None else request.client.host
    return Origin(place, request.state.request_id)


class Needs:
    """A dependency that lets in whoever of a tenant has a permission, and gives its principal.

    A route of /v1 without this or one of its likes is refused when the API is put together.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(
        self, request: Request, speaker: Annotated[Speaker, Depends(speaker)]
    ) -> Principal:
        if not isinstance(speaker, Principal):
            raise _of_another_kind("a key of a tenant", self.permission)
        request.state.principal = speaker
        request.state.tenant_id = speaker.tenant_id
        speaker.require(self.permission)
        return speaker


class OperatorNeeds:
    """The same for operators."""

    def __init__(self, permission: OperatorPermission) -> None:
        self.permission = permission

    async def __call__(self, speaker: Annotated[Speaker, Depends(speaker)]) -> OperatorPrincipal:
        if not isinstance(speaker, OperatorPrincipal):
            raise _of_another_kind("a key of an operator", self.permission)
        speaker.require(self.permission)
        return speaker


async def _own(request: Request, speaker: Annotated[Speaker, Depends(speaker)]) -> DevicePrincipal:
    """Let in the browser of a user, which may do all that such routes offer."""
    if not isinstance(speaker, DevicePrincipal):
        raise _of_another_kind("a device token", "devices:register_own")
    request.state.tenant_id = speaker.tenant_id
    return speaker


def _of_another_kind(kind: str, permission: str) -> NotPermitted:
    return NotPermitted(
        f"this is for whoever holds {kind}",
        code="permission_missing",
        expected=f"the permission {permission}",
        hint="docs/access.md says who gets which",
    )


def routes_of_tenants(api: FastAPI) -> list[APIRoute]:
    """Return every route that is answered to a tenant's principals."""
    others = (OF_OPERATORS, OF_DEVICES)
    return [route for route in guarded_routes(api) if not route.path.startswith(others)]


def guarded_routes(api: FastAPI) -> list[APIRoute]:
    """Return every route that somebody must be known for, those of included routers too."""
    found = (context.original_route for context in iter_route_contexts(api.routes))
    return [
        route for route in found if isinstance(route, APIRoute) and route.path.startswith("/v1/")
    ]


def permissions_of(route: APIRoute) -> list[Permission]:
    """Return the permissions of a tenant's that a route asks for before it is entered."""
    return [each.call.permission for each in _all(route.dependant) if isinstance(each.call, Needs)]


def is_guarded(route: APIRoute) -> bool:
    """Tell whether a route asks who speaks, as its path says whom it is for."""
    calls = [each.call for each in _all(route.dependant)]
    if route.path.startswith(OF_OPERATORS):
        return any(isinstance(each, OperatorNeeds) for each in calls)
    if route.path.startswith(OF_DEVICES):
        return _own in calls
    return any(isinstance(each, Needs) for each in calls)


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _all(each)


#: The application behind the routes.
Facade = Annotated[App, Depends(_facade)]
#: What stands first in every route of /v1, so that nothing else is looked at before.
EventsWrite = Annotated[Principal, Depends(Needs(Permission.EVENTS_WRITE))]
UsersRead = Annotated[Principal, Depends(Needs(Permission.USERS_READ))]
UsersWrite = Annotated[Principal, Depends(Needs(Permission.USERS_WRITE))]
UsersExport = Annotated[Principal, Depends(Needs(Permission.USERS_EXPORT))]
UsersErase = Annotated[Principal, Depends(Needs(Permission.USERS_ERASE))]
DevicesRead = Annotated[Principal, Depends(Needs(Permission.DEVICES_READ))]
DevicesWrite = Annotated[Principal, Depends(Needs(Permission.DEVICES_WRITE))]
ScoresRead = Annotated[Principal, Depends(Needs(Permission.SCORES_READ))]
CampaignsRead = Annotated[Principal, Depends(Needs(Permission.CAMPAIGNS_READ))]
CampaignsWrite = Annotated[Principal, Depends(Needs(Permission.CAMPAIGNS_WRITE))]
CampaignsSend = Annotated[Principal, Depends(Needs(Permission.CAMPAIGNS_SEND))]
LimitsRead = Annotated[Principal, Depends(Needs(Permission.LIMITS_READ))]
LimitsWrite = Annotated[Principal, Depends(Needs(Permission.LIMITS_WRITE))]
SendsRead = Annotated[Principal, Depends(Needs(Permission.SENDS_READ))]
SendsCancel = Annotated[Principal, Depends(Needs(Permission.SENDS_CANCEL))]
SendsCreate = Annotated[Principal, Depends(Needs(Permission.SENDS_CREATE))]
ResultsRead = Annotated[Principal, Depends(Needs(Permission.RESULTS_READ))]
ModelsRead = Annotated[Principal, Depends(Needs(Permission.MODELS_READ))]
ModelsWrite = Annotated[Principal, Depends(Needs(Permission.MODELS_WRITE))]
AuditRead = Annotated[Principal, Depends(Needs(Permission.AUDIT_READ))]
KeysRead = Annotated[Principal, Depends(Needs(Permission.KEYS_READ))]
KeysWrite = Annotated[Principal, Depends(Needs(Permission.KEYS_WRITE))]
StatementsRead = Annotated[Principal, Depends(Needs(Permission.STATEMENTS_READ))]
DeviceTokensWrite = Annotated[Principal, Depends(Needs(Permission.DEVICE_TOKENS_WRITE))]
#: The same of operators, and of browsers.
TenantsRead = Annotated[OperatorPrincipal, Depends(OperatorNeeds(OperatorPermission.TENANTS_READ))]
TenantsWrite = Annotated[
    OperatorPrincipal, Depends(OperatorNeeds(OperatorPermission.TENANTS_WRITE))
]
FleetRead = Annotated[OperatorPrincipal, Depends(OperatorNeeds(OperatorPermission.FLEET_READ))]
FleetHold = Annotated[OperatorPrincipal, Depends(OperatorNeeds(OperatorPermission.FLEET_HOLD))]
OperatorKeysRead = Annotated[
    OperatorPrincipal, Depends(OperatorNeeds(OperatorPermission.OPERATOR_KEYS_READ))
]
OperatorKeysWrite = Annotated[
    OperatorPrincipal, Depends(OperatorNeeds(OperatorPermission.OPERATOR_KEYS_WRITE))
]
OperatorAuditRead = Annotated[
    OperatorPrincipal, Depends(OperatorNeeds(OperatorPermission.OPERATOR_AUDIT_READ))
]
OwnDevice = Annotated[DevicePrincipal, Depends(_own)]
