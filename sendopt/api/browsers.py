"""Let pages of other origins speak for their users, under `/v1/me/` alone.

An origin is no right: the token is. No cookie is ever read here, so that none is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from sendopt.api.auth import OF_DEVICES

#: For so long a browser asks no second time; longer than this Chromium remembers nothing.
_PREFLIGHT_SECONDS = 7_200


class Browsers:
    """Answers what browsers ask before a request (CORS, in the Fetch standard).

    A preflight carries no token by the standard, and is answered without one.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app = app
        self._to_pages = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After", "X-Request-Id"],
            max_age=_PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_of_pages = scope["type"] == "http" and scope["path"].startswith(OF_DEVICES)
        await (self._to_pages if is_of_pages else self._app)(scope, receive, send)
