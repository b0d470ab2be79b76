"""What stands in the fields of events and devices that come as JSON.

Every type refuses what it cannot mean; `strict_json` turns the refusal into an error with its
JSON Pointer. Files are judged by the same rules, with the same codes, in `sql/judge.sql`.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema

from sendopt.clock import parse_instant, zone_of
from sendopt.errors import InvalidInput
from sendopt.records import Channel, EventType
from sendopt.text import MAX_ID_CHARACTERS, hidden_in_id

Choice = TypeVar("Choice", bound=StrEnum)

MAX_EVENT_ID_CHARACTERS = 128

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_OF_OUR_DAYS = range(946_684_800, 4_102_444_800)  # the years 2000 to 2099, in seconds


def _event_id(value: str) -> str:
    """Return `value` if it can tell a repetition from a new event.

    Raises:
        InvalidInput: `event_id_invalid`.
    """
    fits = 1 <= len(value) <= MAX_EVENT_ID_CHARACTERS
    if not fits or any(each.isspace() or unicodedata.category(each)[0] == "C" for each in value):
        raise InvalidInput(
            "is no event id",
            code="event_id_invalid",
            expected=f"1 to {MAX_EVENT_ID_CHARACTERS} characters, no spaces, no control characters",
        )
    return value


def _text(value: str) -> str:
    """Return `value` if a person sees what was written.

    Raises:
        InvalidInput: `text_invalid`.
    """
    if not 1 <= len(value) <= MAX_ID_CHARACTERS:
        raise InvalidInput(
            "is empty or too long",
            code="text_invalid",
            expected=f"1 to {MAX_ID_CHARACTERS} characters",
        )
    if hidden := hidden_in_id(value):
        raise InvalidInput(
            f"holds U+{ord(hidden):04X}",
            code="text_invalid",
            expected="text without control characters and direction overrides",
        )
    return value


def _event_type(value: Any) -> EventType:
    return _one_of(EventType, value, code="event_type_unknown")


def _channel(value: Any) -> Channel:
    return _one_of(Channel, value, code="channel_unknown")


def _one_of(choices: type[Choice], value: Any, *, code: str) -> Choice:
    """Return the member of `choices` that is called `value`.

    Raises:
        InvalidInput: `wrong_type`, or `code` with the list of what there is.
    """
    if not isinstance(value, str):
        raise InvalidInput("is no text", code="wrong_type", expected="text")
    if value not in set(choices):
        raise InvalidInput("is unknown", code=code, expected=", ".join(choices))
    return choices(value)


def _instant(value: Any) -> datetime:
    """Read RFC 3339; of a number, also as text, say what it may have meant.

    Raises:
        InvalidInput: `wrong_type`, `time_unit_suspect`, `time_invalid`.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        _refuse_number(float(value))
    elif not isinstance(value, str):
        raise InvalidInput("is no text", code="wrong_type", expected="RFC 3339 text")
    instant = parse_instant(value)
    if instant.year < 1971:
        raise InvalidInput(
            "lies in 1970 or before",
            code="time_unit_suspect",
            hint="seconds that were read as milliseconds?",
        )
    return instant


def _refuse_number(number: float) -> None:
    """Refuse a number that would be a time of our days in one of the usual units."""
    for unit, scale in _UNITS.items():
        if int(number / scale) in _OF_OUR_DAYS:
            meant = _EPOCH + timedelta(seconds=number / scale)
            raise InvalidInput(
                "is a number, and nobody can be sure of its unit",
                code="time_unit_suspect",
                expected="RFC 3339 with a zone, such as 2026-10-25T09:00:00+01:00",
                hint=f"as {unit} it would be {meant.isoformat(timespec='seconds')}",
            )


def _timezone(value: str) -> str:
    """Return `value` if it names an IANA zone.

    Raises:
        InvalidInput: `zone_invalid`.
    """
    return zone_of(value).key


def _propensity(value: float) -> float:
    """Return `value` if it is a probability with which something did happen.

    Raises:
        InvalidInput: `number_out_of_range`.
    """
    if not 0.0 < value <= 1.0:
        raise InvalidInput(
            "is no propensity",
            code="number_out_of_range",
            expected="above 0 and at most 1; leave it out where it was not logged",
        )
    return value


EventId = Annotated[str, AfterValidator(_event_id)]
Text = Annotated[str, AfterValidator(_text)]
KnownEventType = Annotated[EventType, BeforeValidator(_event_type)]
KnownChannel = Annotated[Channel, BeforeValidator(_channel)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Propensity = Annotated[float, AfterValidator(_propensity)]
Instant = Annotated[
    datetime,
    PlainValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
