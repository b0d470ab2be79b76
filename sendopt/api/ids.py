"""What may stand in paths and queries: ids, as the client meant them, and instants."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

from sendopt.api.paths import decoded
from sendopt.clock import parse_instant

_PRINTABLE = r"^[^\x00-\x1f\x7f]{1,%d}$"

#: What stands in a path, as the client meant it.
PathText = Annotated[str, BeforeValidator(decoded)]
#: An id in a path. One that could not exist is answered like any other unknown one.
PathId = Annotated[PathText, Path(pattern=_PRINTABLE % 128)]
#: The same in a query; stores cannot even look for what holds a NUL.
QueryId = Annotated[str, StringConstraints(pattern=_PRINTABLE % 128)]
#: The tenant's own id of a user, as long as events may have it.
PathUserId = Annotated[PathText, Path(pattern=_PRINTABLE % 256)]
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
