"""What stands in the fields of a campaign: names, texts, links, instants, local times.

Every type refuses what it cannot mean; `strict_json` turns the refusal into an error with its
JSON Pointer.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time
from typing import Annotated

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from sendopt.clock import (
    LOCAL_TIME_PATTERN,
    parse_instant,
    parse_local_date,
    parse_local_time,
)
from sendopt.errors import InvalidInput
from sendopt.text import (
    MAX_ID_CHARACTERS,
    MAX_URL_CHARACTERS,
    OVERRIDING,
    placeholder_in_text,
    placeholder_in_url,
    quoted,
    split_url,
    why_no_id,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")  # ".." would lead out of a URL

_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, surrogates, line and page breaks


def _name(value: str) -> str:
    """Return `value` if it can stand in a URL, a metric and a file name alike.

    Raises:
        InvalidInput: `id_invalid`.
    """
    if not _NAME.fullmatch(value):
        raise InvalidInput(
            "is no identifier",
            code="id_invalid",
            expected="1 to 128 of A-Z a-z 0-9 . _ : -, a letter or digit first",
        )
    return value


def _user_id(value: str) -> str:
    """Return `value` if it can be a tenant's own id of a user; events take the same.

    Raises:
        InvalidInput: `id_invalid`.
    """
    reason = None if 1 <= len(value) <= MAX_ID_CHARACTERS else "is empty or too long"
    if reason := reason or why_no_id(value):
        raise InvalidInput(
            f"{quoted(value)} is no user id: it {reason}",
            code="id_invalid",
            expected=f"1 to {MAX_ID_CHARACTERS} characters, each of which can be seen",
        )
    return value


def _text(value: str) -> str:
    """Return `value` if a person sees what was written. A line feed is allowed.

    Raises:
        InvalidInput: `text_invalid`, `placeholder_unfilled`.
    """
    if not value.strip():
        raise InvalidInput("is empty", code="text_invalid", expected="some text")
    if any(
        each in OVERRIDING or unicodedata.category(each) in _INVISIBLE
        for each in value.replace("\n", "")
    ):
        raise InvalidInput(
            "holds a character that hides or reorders others",
            code="text_invalid",
            expected="text without control characters and direction overrides",
        )
    _require_no_placeholder(placeholder_in_text(value))
    return value


def _require_no_placeholder(found: str | None) -> None:
    """Return if no placeholder was found: nobody would fill it in, and all would read it raw.

    Raises:
        InvalidInput: `placeholder_unfilled`.
    """
    if found is not None:
        raise InvalidInput(
            f"holds {quoted(found)}, which looks like a placeholder of a template; none is filled "
            "in here, so everybody would get it as it stands",
            code="placeholder_unfilled",
            expected="the words that people are to read, the same for everybody",
            hint="write them out, or make a campaign for each wording and list its users as the "
            "audience",
        )


def _url(value: str) -> str:
    """Return `value` if a click may lead there.

    Raises:
        InvalidInput: `url_not_allowed`, unless it is absolute, http or https, and carries no
            credentials; `placeholder_unfilled`.
    """
    split_url(value)
    _require_no_placeholder(placeholder_in_url(value))
    return value


def instant(value: object) -> datetime:
    """Read an RFC 3339 instant into UTC.

    Raises:
        InvalidInput: `time_invalid`.
    """
    instant = parse_instant(value)
    _require_our_century(instant, value)
    return instant


def _local_date(value: object) -> date:
    """Read a date on the user's calendar.

    Raises:
        InvalidInput: `time_invalid`.
    """
    day = parse_local_date(value)
    _require_our_century(day, value)
    return day


def _require_our_century(when: date, value: object) -> None:
    if not 2000 <= when.year < 2100:
        raise InvalidInput(
            f"{quoted(value)} is out of range",
            code="time_invalid",
            expected="a year from 2000 to 2099",
        )


def read_instant(value: object) -> datetime | None:
    """Return an instant of a campaign; None where it cannot be read."""
    try:
        return instant(value)
    except InvalidInput:
        return None


def read_local_time(value: object) -> time | None:
    """Return a local time of a campaign; None where it cannot be read."""
    try:
        return parse_local_time(value)
    except InvalidInput:
        return None


def read_local_date(value: object) -> date | None:
    """Return a date of a campaign; None where it cannot be read."""
    try:
        return _local_date(value)
    except InvalidInput:
        return None


#: How each is described to others; what else the functions ask no JSON Schema can say.
USER_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARACTERS}
Name = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"}),
]
User = Annotated[str, AfterValidator(_user_id), WithJsonSchema(USER_SCHEMA)]
Text = Annotated[str, AfterValidator(_text), WithJsonSchema({"type": "string", "pattern": r"\S"})]
Url = Annotated[
    str,
    AfterValidator(_url),
    WithJsonSchema({"type": "string", "format": "uri", "maxLength": MAX_URL_CHARACTERS}),
]
Instant = Annotated[
    datetime,
    PlainValidator(instant),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": "^20"}),
]
LocalTime = Annotated[
    time,
    PlainValidator(parse_local_time),
    WithJsonSchema({"type": "string", "pattern": f"^{LOCAL_TIME_PATTERN}$", "examples": ["22:00"]}),
]
LocalDate = Annotated[
    date,
    PlainValidator(_local_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": "^20"}),
]
