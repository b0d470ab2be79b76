"""Find out who sends a request, and whether it may be answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, cast

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sendopt.api.threads import in_thread
from sendopt.app import App
from sendopt.errors import NotAuthorized
from sendopt.records import Origin, Permission, Principal

#: A key in a URL ends in access logs, browser histories and referrers: refused even if valid.
_KEY_PARAMETERS = ("key", "api_key", "apikey", "token", "access_token")

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="api_key",
    description="`Authorization: Bearer so_...`, a key of one tenant.",
)


async def _facade(request: Request) -> App:
    return cast("App", request.app.state.facade)


async def _principal(
    request: Request,
    app: Annotated[App, Depends(_facade)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    """Return whose key the request carries.

    Raises:
        NotAuthorized: for every reason the same.
    """
    if credentials is None or any(name in request.query_params for name in _KEY_PARAMETERS):
        raise NotAuthorized("no API key in the Authorization header")
    key = credentials.credentials
    principal = await in_thread(lambda: app.authenticate(key))
    request.state.principal = principal
    request.state.tenant_id = principal.tenant_id
    return replace(principal, origin=_origin(request))


def _origin(request: Request) -> Origin:
    """Return from where a request came; no header is believed that names another address."""
    place = "unknown" if request.client is None else request.client.host
    return Origin(place, request.state.request_id)


class Needs:
    """A dependency that lets in whoever has a permission, and gives the route its principal.

    A route of /v1 without one is refused when the API is put together: see `undeclared`.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, principal: Annotated[Principal, Depends(_principal)]) -> Principal:
        principal.require(self.permission)
        return principal


def routes_of_tenants(api: FastAPI) -> list[APIRoute]:
    """Return every route that is answered to a tenant, those of included routers too."""
    found = (context.original_route for context in iter_route_contexts(api.routes))
    return [
        route for route in found if isinstance(route, APIRoute) and route.path.startswith("/v1/")
    ]


def permissions_of(route: APIRoute) -> list[Permission]:
    """Return the permissions that a route asks for before it is entered."""
    return [each.call.permission for each in _all(route.dependant) if isinstance(each.call, Needs)]


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
SendsRead = Annotated[Principal, Depends(Needs(Permission.SENDS_READ))]
SendsCancel = Annotated[Principal, Depends(Needs(Permission.SENDS_CANCEL))]
ResultsRead = Annotated[Principal, Depends(Needs(Permission.RESULTS_READ))]
ModelsRead = Annotated[Principal, Depends(Needs(Permission.MODELS_READ))]
ModelsWrite = Annotated[Principal, Depends(Needs(Permission.MODELS_WRITE))]
AuditRead = Annotated[Principal, Depends(Needs(Permission.AUDIT_READ))]
KeysRead = Annotated[Principal, Depends(Needs(Permission.KEYS_READ))]
KeysWrite = Annotated[Principal, Depends(Needs(Permission.KEYS_WRITE))]
StatementsRead = Annotated[Principal, Depends(Needs(Permission.STATEMENTS_READ))]
