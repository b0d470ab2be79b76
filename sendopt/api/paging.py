"""Lists that are answered a page at a time, each naming where the next one begins."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request
from pydantic import AfterValidator

from sendopt.api.schemas.page import Item, Page
from sendopt.clock import parse_instant
from sendopt.errors import InvalidInput
from sendopt.state import pages

Key = TypeVar("Key")
Found = TypeVar("Found")

MOST_ON_A_PAGE = 1_000

Limit = Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="Most items of the page.")]
DEFAULT_LIMIT = 100
#: How a page can be refused.
PAGED = {422: ["cursor_invalid", "wrong_type", "invalid"]}
#: What an id may hold: nothing that stores cannot look for, such as NUL and half a surrogate.
#: One part of a place; a send of a campaign has an empty key.
_PLACE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{0,256}")
_NO_FILTERS = {"cursor", "limit"}


def _invalid(message: str) -> InvalidInput:
    return InvalidInput(
        message,
        code="cursor_invalid",
        field="cursor",
        expected="`next_cursor` of the page before, and the same filters",
        hint="leave it out to begin anew",
    )


def _parts(cursor: str) -> tuple[str, list[Any]]:
    """Return the digest of the filters that a cursor is for, and the parts of its place.

    Raises:
        InvalidInput: `cursor_invalid`.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        filters, *place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, UnicodeError, binascii.Error, RecursionError) as error:
        raise _invalid("this is no cursor") from error
    if not isinstance(filters, str) or not place:
        raise _invalid("this is no cursor")
    return filters, place


def _checked(cursor: str) -> str:
    """Return what has the form of a cursor, so that it is told beside whatever else is wrong."""
    _parts(cursor)
    return cursor


Cursor = Annotated[
    Annotated[str, AfterValidator(_checked)] | None,
    Query(
        max_length=2_048,
        description="`next_cursor` of the page before, with the same filters; none = from the "
        "beginning.",
    ),
]


class Paging:
    """Which page of a list a client asks for; a dependency of every route that answers with one."""

    def __init__(
        self, request: Request, *, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> None:
        self._request = request
        self._cursor = cursor
        self.limit = limit

    def behind(self, key: Callable[..., Key], *kinds: type) -> Key | None:
        """Return the place behind which the page begins; None = at the beginning.

        Args:
            key: makes a place of its parts.
            kinds: of the parts.

        Raises:
            InvalidInput: `cursor_invalid`.
        """
        place = _place_of(self._request, self._cursor, *kinds)
        return None if place is None else key(*place)

    def page(self, found: pages.Page[Found], item: Callable[[Found], Item]) -> Page[Item]:
        """Return what was found as it is told, and how the next page is asked for."""
        return Page(
            items=[item(each) for each in found.items],
            damaged=list(found.damaged),
            next_cursor=_cursor_behind(self._request, found.behind),
        )


#: What a route takes to be asked for a page.
Paged = Annotated[Paging, Depends()]


def _cursor_behind(request: Request, place: Iterable[Any] | None) -> str | None:
    """Return the text by which a client asks for what comes behind `place`; None = the end.

    It holds the place, and a digest of what the list was filtered by: a cursor of one list would
    skip items of another without a word.
    """
    if place is None:
        return None
    told = [each.isoformat() if isinstance(each, datetime) else each for each in place]
    text = json.dumps([_filters(request), *told], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place_of(request: Request, cursor: str | None, *kinds: type) -> list[Any] | None:
    """Return the place that a cursor names, whose parts are of these kinds; None = the beginning.

    Raises:
        InvalidInput: `cursor_invalid`.
    """
    if cursor is None:
        return None
    filters, place = _parts(cursor)
    try:
        found = [
            parse_instant(part) if kind is datetime else part
            for kind, part in zip(kinds, place, strict=True)
        ]
    except ValueError as error:
        raise _invalid("this is no cursor") from error
    if not all(isinstance(part, kind) for kind, part in zip(kinds, found, strict=True)):
        raise _invalid("this is no cursor")
    if not all(_PLACE.fullmatch(part) for part in found if isinstance(part, str)):
        raise _invalid("this is no cursor")  # no id holds what it does, nor can a store be asked
    if filters != _filters(request):
        raise _invalid("this cursor is of a list with other filters")
    return found


def _filters(request: Request) -> str:
    asked = sorted(
        each for each in request.query_params.multi_items() if each[0] not in _NO_FILTERS
    )
    return hashlib.sha256(json.dumps([request.url.path, asked]).encode()).hexdigest()[:16]
