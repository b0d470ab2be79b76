"""Tell the machinery around us how we are."""

from __future__ import annotations

import asyncio
import hmac

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST

from sendopt.api import problems
from sendopt.api.routing import Route
from sendopt.api.schemas.health import Health, Readiness
from sendopt.clock import zone_database
from sendopt.errors import NotAuthorized

_operators_key = HTTPBearer(
    auto_error=False,
    scheme_name="metrics_key",
    description="`Authorization: Bearer ...` with what `SENDOPT_HTTP__METRICS_KEY` says.",
)

router = APIRouter(tags=["health"], route_class=Route)


#: Without a registry messages go out at their fallback times, and an MLflow that is down must not
#: take the whole service with it. Sends that are held wait for a person, not for another process.
#: Events are taken and sends go out while the object store of the log's data is away.
_NOT_NEEDED = frozenset({"registry", "sends", "log_data"})


@router.get("/healthz", responses=problems.responses(key=False))
async def get_health() -> Health:
    """Say that the process lives; looks at nothing else, so a slow store never restarts it."""
    # Described here and answered before: `sendopt.api.alive`.
    return Health(status="ok")


@router.get(
    "/readyz",
    responses={
        **problems.responses(key=False),
        200: {"model": Readiness, "description": "Requests can be served"},
        503: {"model": Readiness, "description": "Not yet, or not now"},
    },
)
async def get_readiness(request: Request) -> JSONResponse:
    """Say whether the stores answer, the disk has room, and every part of the process is at work.

    It answers within about two seconds, whatever is silent. Without a registry, without the object
    store of the log's data (`log_data`), and while sends are held after a restore, the service is
    ready all the same.
    """
    # Shielded: others wait for the same answer.
    parts = await asyncio.shield(asyncio.wrap_future(request.app.state.readiness.ask()))
    ready = not any(code for part, code in parts.items() if part not in _NOT_NEEDED)
    answer = Readiness(ready=ready, parts=parts, zone_database=zone_database())
    return JSONResponse(answer.model_dump(), status_code=200 if ready else 503)


@router.get(
    "/metrics",
    dependencies=[Depends(_operators_key)],  # describes it; what opens is looked at below
    response_class=Response,
    responses={
        200: {
            "description": "Every metric, in the text format of Prometheus",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": "# TYPE sendopt_oldest_due_seconds gauge\n"
                    "sendopt_oldest_due_seconds 0.0\n",
                }
            },
        },
        **problems.responses({401: ["not_authorized"]}, key=False),
    },
)
def get_metrics(request: Request) -> Response:
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
