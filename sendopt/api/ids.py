"""What may stand in paths and queries: ids, as the client meant them, and instants."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

from sendopt.api.paths import decoded
from sendopt.clock import parse_instant
from sendopt.errors import InvalidInput

_PRINTABLE = r"^[^\x00-\x1f\x7f]{1,%d}$"

#: What stands in a path, as the client meant it.
PathText = Annotated[str, BeforeValidator(decoded)]


def _id(most: int) -> Callable[[str], str]:
    """Return what reads an id of at most so many characters from a path."""
    form = re.compile(_PRINTABLE % most)

    def read(segment: str) -> str:
        text = decoded(segment)
        if form.fullmatch(text):
            return text
        too_long = len(text) > most
        raise InvalidInput(
            "is too long" if too_long else "holds a control character",
            code="text_invalid",
            expected=f"1 to {most} characters, none of them a control character such as NUL",
        )

    return read


#: An id in a path. One that could not exist is unknown where something is read, and refused where
#: something would change.
PathId = Annotated[str, BeforeValidator(_id(128)), Path(pattern=_PRINTABLE % 128)]
#: The same in a query; stores cannot even look for what holds a NUL.
QueryId = Annotated[str, StringConstraints(pattern=_PRINTABLE % 128)]
#: The tenant's own id of a user, as long as events may have it.
PathUserId = Annotated[str, BeforeValidator(_id(256)), Path(pattern=_PRINTABLE % 256)]
#: An installation's own id may be as long.
PathDeviceId = PathUserId
QueryUserId = Annotated[str, StringConstraints(pattern=_PRINTABLE % 256)]
#: An instant in a query: a year of the log's, in any zone.
QueryInstant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "pattern": r"^(197[2-9]|19[89]\d|2\d{3})-"}
    ),
]
