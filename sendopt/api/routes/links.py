"""Follow signed links, and hear from devices that hold one.

The token is the only credential here: whoever received the message has it, and it names one
send. A token that does not verify answers 404 and leads nowhere.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import RedirectResponse

from sendopt.api import problems
from sendopt.api.auth import Facade
from sendopt.api.ids import PathText
from sendopt.api.routes.sends import REPORT_CODES
from sendopt.api.routing import Route
from sendopt.api.schemas.sends import Reported
from sendopt.track import ClickRequest
from sendopt.track.links import link_unknown
from sendopt.track.reports import KINDS

#: Told in the description alone: another one is answered with the list of what there is.
Kind = Annotated[PathText, Path(json_schema_extra={"enum": [*KINDS]})]

router = APIRouter(prefix="/t", tags=["links"], route_class=Route)


async def _nothing_beside_the_token(request: Request) -> None:
    """Refuse a query: nothing in an address may look as if it could lead elsewhere."""
    if request.url.query:
        raise link_unknown()


_UNKNOWN = {404: ["link_unknown"]}
_LINK: dict[str, Any] = {
    "status_code": 302,
    "response_class": RedirectResponse,
    "dependencies": [Depends(_nothing_beside_the_token)],
}


@router.get("/{token}", responses=problems.responses(_UNKNOWN, key=False), **_LINK)
@router.head("/{token}", include_in_schema=False, **_LINK)
def follow_link(request: Request, app: Facade, token: PathText) -> RedirectResponse:
    """Record a click, then redirect to the destination that was fixed when the message was sent.

    The header `Sendopt-Counted` (a boolean of RFC 9651) says whether the click counts, and by
    which rule it does not.
    """
    redirect = app.links.follow(token, ClickRequest(request.method, request.headers))
    reason = redirect.filtered_reason
    request.app.state.metrics.clicks.labels(redirect.tenant_id, reason or "none").inc()
    return RedirectResponse(
        redirect.location,
        status_code=302,
        headers={"Sendopt-Counted": "?1" if reason is None else f"?0;reason={reason}"},
    )


@router.post("/{token}/{kind}", responses=problems.responses(_UNKNOWN | REPORT_CODES, key=False))
def report_by_token(
    request: Request, response: Response, app: Facade, token: PathText, kind: Kind
) -> Reported:
    """Take in what a device saw: delivery, open, response, dismissal or opt_out; no body is read.

    A service worker may call this from any origin, without a preflight and without a key.
    Reporting a kind again changes nothing.
    """
    response.headers["Access-Control-Allow-Origin"] = "*"
    verdict = app.links.report(token, kind)
    request.app.state.metrics.count_response(
        verdict.tenant_id, verdict.kind, repeated=verdict.repeated
    )
    return Reported.of(verdict)
