"""Answer `/healthz` before anything else has seen the request."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from sendopt.api.metrics import Metrics
from sendopt.api.observe import HEADERS, new_request_id

PATH = "/healthz"
_BODY = b'{"status":"ok"}'


class Alive:
    """Says that the process lives: on the event loop, without a thread, a turn or a log line.

    A process is restarted when this does not answer; so it must not wait for what a restart
    cannot mend.
    """

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._random_bytes = random_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(_BODY)),
            (b"x-request-id", new_request_id(self._random_bytes).encode("ascii")),
            *HEADERS,
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": _BODY})
        self._metrics.observe_request("GET", PATH, 200, 0.0)
