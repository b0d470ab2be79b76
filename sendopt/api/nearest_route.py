"""Find the route that was meant by a path which none has."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

#: Comparing takes the product of two lengths, and anybody may ask.
_LONGEST_PATH = 128
_ALIKE = 0.6


def route_meant_by(path: str, templates: Iterable[str]) -> str | None:
    """Return the nearest of `templates`; None = none is near.

    >>> route_meant_by("/v1/users/ann/best-time", ["/v1/users/{user_id}/best-times", "/readyz"])
    '/v1/users/{user_id}/best-times'
    """
    if len(path) > _LONGEST_PATH:
        return None
    likeness, near = max((_likeness(path, template), template) for template in templates)
    return near if likeness >= _ALIKE else None


def _likeness(path: str, template: str) -> float:
    """Return from 0 to 1 how alike the two are where the template names no id.

    Segments are counted from the end, because a prefix may be missing.
    """
    parts = template.split("/")[::-1]
    ids = {place for place, part in enumerate(parts) if part.startswith("{")}
    given = [each for place, each in enumerate(path.split("/")[::-1]) if place not in ids]
    fixed = [each for place, each in enumerate(parts) if place not in ids]
    return SequenceMatcher(None, "/".join(given[::-1]), "/".join(fixed[::-1])).ratio()
