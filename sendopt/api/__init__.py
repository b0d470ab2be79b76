"""Speak HTTP: one route for each use case of the application.

Owns: routes, the shapes of answers, HTTP status, limits of bodies, request ids, HTTP metrics,
    the OpenAPI document.
Does not own: any rule about what a body may say (the stages), what a use case does (app).
In: HTTP requests, App.  Out: JSON, and `application/problem+json` for every failure.
Time: every instant is RFC 3339 with a zone; answers are in UTC.
"""

from sendopt.api.openapi import write as write_openapi
from sendopt.api.service import create_api, make_server

__all__ = ["create_api", "make_server", "write_openapi"]
