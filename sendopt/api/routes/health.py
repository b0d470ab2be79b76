"""Tell the machinery around us how we are."""

from __future__ import annotations

import asyncio
import hmac

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from sendopt.api import problems
from sendopt.api.answers import Answer
from sendopt.api.routing import Route
from sendopt.errors import NotAuthorized

router = APIRouter(tags=["health"], route_class=Route)


class Health(Answer):
    """The process answers."""

    status: str


class Readiness(Answer):
    """Whether requests can be served, and how each part is."""

    ready: bool
    parts: dict[str, str | None]  # null is well, a code says what is wrong


#: Without a registry messages go out at their fallback times, and an MLflow that is down must not
#: take the whole service with it. Sends that are held wait for a person, not for another process.
#: Events are taken and sends go out while the object store of the log's data is away.
_NOT_NEEDED = frozenset({"registry", "sends", "log_data"})


@router.get("/healthz")
async def health() -> Health:
    """Say that the process lives; looks at nothing else, so a slow store never restarts it."""
    # Described here and answered before: `sendopt.api.alive`.
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Not yet, or not now"}})
async def readiness(request: Request) -> JSONResponse:
    """Say whether the stores answer, the disk has room, and every part of the process is at work.

    It answers within about two seconds, whatever is silent. Without a registry, without the object
    store of the log's data (`log_data`), and while sends are held after a restore, the service is
    ready all the same.
    """
    # Shielded: others wait for the same answer.
    parts = await asyncio.shield(asyncio.wrap_future(request.app.state.readiness.ask()))
    ready = not any(code for part, code in parts.items() if part not in _NOT_NEEDED)
    answer = Readiness(ready=ready, parts=parts)
    return JSONResponse(answer.model_dump(), status_code=200 if ready else 503)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problems.responses(401)},
)
def metrics(request: Request) -> Response:
    """Show what was counted and what waits, of every tenant, to the operator alone.

    `SENDOPT_HTTP__METRICS_KEY` must come as `Authorization: Bearer ...`, from wherever; while none
    is set, nobody may look. A tenant's key does not open this.
    """
    if not _is_operator(request):
        raise NotAuthorized(
            "metrics are the operator's",
            hint="no tenant's key opens this: only what SENDOPT_HTTP__METRICS_KEY of the service "
            "says, and while that is empty nothing does",
        )
    return Response(request.app.state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _is_operator(request: Request) -> bool:
    metrics_key: str = request.app.state.metrics_key
    given = request.headers.get("authorization", "")
    return bool(metrics_key) and hmac.compare_digest(
        given.encode(), f"Bearer {metrics_key}".encode()
    )
