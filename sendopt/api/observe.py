"""Number, time, log and count every request; catch what nobody foresaw."""

from __future__ import annotations

import base64
from collections.abc import Callable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sendopt.api import problems
from sendopt.api.metrics import Metrics
from sendopt.app.logging import trace
from sendopt.clock import monotonic

_log = structlog.get_logger(__name__)

#: Every answer has these, unless its route says otherwise.
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class Observer:
    """The outermost layer of the API but for `/healthz`, which `alive` answers.

    Its log lines name the route's template, never the path, the query, a header or a body:
    those can hold keys, tokens and people.
    """

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._random_bytes = random_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id(self._random_bytes)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        started = monotonic()
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", request_id.encode("ascii"))]
                given = {name for name, _ in headers}
                headers += [header for header in HEADERS if header[0] not in given]
                message["headers"] = headers
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except Exception as error:  # noqa: BLE001 - the last door before the client
            _log.error("request_crashed", request_id=request_id, **trace(error))
            if status == 0:
                answer = problems.respond(problems.internal(request_id))
                await answer(scope, receive, send_observed)
        finally:
            self._record(scope, status, monotonic() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _template(scope)
        self._metrics.observe_request(scope["method"], route, status, seconds)
        if scope["state"].get("refused"):
            return  # told of in one line for many: to log each would cost more than to refuse it
        _log.info(
            "request",
            request_id=scope["state"]["request_id"],
            tenant_id=scope["state"].get("tenant_id"),
            method=scope["method"],
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def _template(scope: Scope) -> str:
    """Return the template of the route that answered, or `unmatched`, or `refused` before any.

    FastAPI names its own routes only; a plain one, such as `/openapi.json`, takes no parameters,
    so that its path is its template.
    """
    if scope["state"].get("refused"):
        return "refused"
    if "route" in scope:
        return str(scope["route"].path)
    plain = "endpoint" in scope and not scope.get("path_params")
    return str(scope["path"]) if plain else "unmatched"


def new_request_id(random_bytes: Callable[[int], bytes]) -> str:
    """Return a number that no other request has."""
    return "req_" + base64.urlsafe_b64encode(random_bytes(12)).decode("ascii")
