"""Find the route that was meant by a path which none has."""

from __future__ import annotations

from collections.abc import Iterable

from sendopt.text import nearest


def route_meant_by(path: str, templates: Iterable[str]) -> str | None:
    """Return the nearest of `templates`; None = none is near.

    >>> route_meant_by("/v1/users/ann/best-time", ["/v1/users/{user_id}/best-times", "/readyz"])
    '/v1/users/{user_id}/best-times'
    """
    filled = {_filled(template, path): template for template in templates}
    near = nearest(path, filled)
    return None if near is None else filled[near]


def _filled(template: str, path: str) -> str:
    """Return `template` with the ids of `path`, counted from the end: a prefix may be missing."""
    ids = path.split("/")[::-1]
    parts = [
        ids[place] if part.startswith("{") and place < len(ids) else part
        for place, part in enumerate(template.split("/")[::-1])
    ]
    return "/".join(parts[::-1])
