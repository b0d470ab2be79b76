"""Let an id in a path hold any character that an id may hold, percent-encoded.

Servers decode a path before anybody looks where its segments end, so that `a%2Fb` becomes two of
them. Here only the routes' own separators separate.
"""

from __future__ import annotations

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send


class EncodedPaths:
    """Gives routes a path whose every `/` separates; those of an id, and its `%`, stay encoded.

    `decoded` undoes that for one segment.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and b"%" in scope["raw_path"]:
            scope["path"] = routed(scope["raw_path"].decode("ascii"))
        await self._app(scope, receive, send)


def routed(raw: str) -> str:
    """Return the path that routes are matched with; what is no UTF-8 becomes U+FFFD, as in no id.

    >>> routed("/v1/users/a%2Fb%C3%A9%25/best-times")
    '/v1/users/a%2Fbé%25/best-times'
    """
    segments = [unquote(segment, errors="replace") for segment in raw.split("/")]
    return "/".join(segment.replace("%", "%25").replace("/", "%2F") for segment in segments)


def decoded(segment: str) -> str:
    """Return what a client meant by one segment of such a path.

    >>> decoded("a%2Fb%25")
    'a/b%'
    """
    return segment.replace("%2F", "/").replace("%25", "%")
