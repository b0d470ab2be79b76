"""Show people what there is: a page to begin with, and the API reference.

Everything is served from here. A page that asked others for its parts would be empty where there
is no way out, and would let them see the key that is typed into it.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from sendopt.api import openapi
from sendopt.api.ids import PathText
from sendopt.api.routing import Route
from sendopt.errors import NotFound
from sendopt.version import __version__

router = APIRouter(route_class=Route, include_in_schema=False)

_OURS = files("sendopt.api") / "pages"
_SWAGGER_UI = files("fastapi_offline") / "static"

#: What the pages are made of, by name.
_PARTS: dict[str, tuple[Traversable, str]] = {
    "page.css": (_OURS, "text/css"),
    "reference.js": (_OURS, "text/javascript"),
    "swagger-ui.css": (_SWAGGER_UI, "text/css"),
    "swagger-ui-bundle.js": (_SWAGGER_UI, "text/javascript"),
    "favicon.png": (_SWAGGER_UI, "image/png"),
}

#: Swagger UI sets styles on its elements and draws some icons from data.
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
}


@router.get("/")
def start(request: Request) -> Response:
    """Lead people to the reference, and programs to the description."""
    if "text/html" in request.headers.get("accept", ""):
        return _page("start.html")
    told = {"name": "sendopt", "version": __version__, "docs": "/docs", "openapi": "/openapi.json"}
    return JSONResponse(told, headers={"Vary": "Accept"})


@router.get("/docs")
def reference() -> Response:
    """Show every route to people."""
    return _page("reference.html")


@router.get("/docs/{part}")
def part_of_page(part: PathText) -> Response:
    """Return what a page consists of."""
    if part not in _PARTS:
        raise NotFound("no page has such a part")
    folder, media_type = _PARTS[part]
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response((folder / part).read_bytes(), media_type=media_type, headers=headers)


@router.get("/openapi.json")
def description(request: Request) -> Response:
    """Describe every route."""
    return Response(openapi.text(request.app), media_type="application/json")


def _page(name: str) -> Response:
    return HTMLResponse((_OURS / name).read_text("utf-8"), headers={**_POLICY, "Vary": "Accept"})
