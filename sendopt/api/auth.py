"""Find out for which tenant a request speaks."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sendopt.api.threads import in_thread
from sendopt.app import App
from sendopt.errors import NotAuthorized
from sendopt.records import TenantId

#: A key in a URL ends in access logs, browser histories and referrers: refused even if valid.
_KEY_PARAMETERS = ("key", "api_key", "apikey", "token", "access_token")

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="api_key",
    description="`Authorization: Bearer so_...`, a key of one tenant.",
)


async def _facade(request: Request) -> App:
    return cast("App", request.app.state.facade)


async def _tenant(
    request: Request,
    app: Annotated[App, Depends(_facade)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> TenantId:
    """Return the tenant whose key the request carries.

    Raises:
        NotAuthorized: for every reason the same.
    """
    if credentials is None or any(name in request.query_params for name in _KEY_PARAMETERS):
        raise NotAuthorized("no API key in the Authorization header")
    key = credentials.credentials
    tenant_id = await in_thread(lambda: app.authenticate(key))
    request.state.tenant_id = tenant_id
    return tenant_id


#: The application behind the routes.
Facade = Annotated[App, Depends(_facade)]
#: The authenticated tenant; stands first in every route of /v1, so that nothing else is looked
#: at before.
Tenant = Annotated[TenantId, Depends(_tenant)]
