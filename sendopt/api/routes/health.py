"""Tell the machinery around us how we are."""

from __future__ import annotations

import hmac
import ipaddress

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from sendopt.api import problems
from sendopt.api.answers import Answer
from sendopt.api.auth import Facade
from sendopt.errors import NotAuthorized

router = APIRouter(tags=["health"])


class Health(Answer):
    """The process answers."""

    status: str


class Readiness(Answer):
    """Whether requests can be served, and how each part is."""

    ready: bool
    parts: dict[str, str | None]  # null is well, a code says what is wrong


#: The registry is not among them: without it messages go out at their fallback times, and an
#: MLflow that is down must not take the whole service with it.
_NEEDED = ("state", "log")


@router.get("/healthz")
def health() -> Health:
    """Say that the process lives; looks at nothing else, so a slow store never restarts it."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Not yet, or not now"}})
def readiness(app: Facade) -> JSONResponse:
    """Say whether state and log answer; without a registry the service is ready all the same."""
    parts = app.ready()
    answer = Readiness(ready=not any(parts.get(part) for part in _NEEDED), parts=parts)
    return JSONResponse(answer.model_dump(), status_code=200 if answer.ready else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problems.responses(401)},
)
def metrics(request: Request) -> Response:
    """Show what was counted and what waits, of every tenant, to the operator alone.

    With a metrics key configured, it must come as `Authorization: Bearer ...`; without one, only
    the machine itself may look. A tenant's key does not open this.
    """
    if not _is_operator(request):
        raise NotAuthorized("metrics are the operator's")
    return Response(request.app.state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _is_operator(request: Request) -> bool:
    metrics_key: str = request.app.state.metrics_key
    if not metrics_key:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {metrics_key}".encode())
