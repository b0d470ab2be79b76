"""Every refusal that a test meets must be one that the description of the API tells of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx

#: Of no route: what none answers.
OF_NO_ROUTE = {"route_unknown", "method_not_allowed"}


def told_of(document: dict[str, Any]) -> Callable[[httpx.Response], None]:
    """Return a hook that compares a refusal with the codes of its route and status."""
    routes = [
        (re.compile(re.sub(r"\{\w+\}", "[^/]+", template)), methods)
        for template, methods in document["paths"].items()
    ]

    def check(response: httpx.Response) -> None:
        if response.headers.get("content-type") != "application/problem+json":
            return
        response.read()
        code, request = response.json()["code"], response.request
        path = request.url.raw_path.partition(b"?")[0].decode()
        method = request.method.lower().replace("head", "get")
        for pattern, methods in routes:
            if pattern.fullmatch(path) and method in methods and code not in OF_NO_ROUTE:
                answers = methods[method]["responses"]
                answer = answers.get(str(response.status_code), answers["default"])
                assert code in answer["x-codes"], (method, path, response.status_code, code)

    return check
