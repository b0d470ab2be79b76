"""Speak HTTP: one route for each use case of the application.

Owns: routes, the shapes of answers, HTTP status, limits of bodies, request ids, HTTP metrics,
    the OpenAPI document.
Does not own: any rule about what a body may say (the stages), what a use case does (app).
In: HTTP requests, App.  Out: JSON, and `application/problem+json` for every failure.
Time: every instant is RFC 3339 with a zone; answers are in UTC.
"""

from typing import TYPE_CHECKING

from sendopt.first_use import offered_by

if TYPE_CHECKING:
    from sendopt.api.openapi import write_openapi
    from sendopt.api.service import create_api, make_server
else:
    __getattr__ = offered_by(
        __name__,
        {
            "create_api": "sendopt.api.service",
            "make_server": "sendopt.api.service",
            "write_openapi": "sendopt.api.openapi",
        },
    )

__all__ = ["create_api", "make_server", "write_openapi"]
