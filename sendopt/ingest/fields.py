"""What may stand in a field: of an event at every door, of a device and of a profile.

Each function reads one value that is there, and raises `InvalidInput`, which quotes the value and
says what is expected. Files in columns call them for the values that are not plainly fit; see
`columns`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType

from sendopt.clock import (
    EARLIEST_AT,
    parse_any_instant,
    zone_names,
    zone_of,
)
from sendopt.errors import InvalidInput
from sendopt.records import Channel, EventType, is_reserved
from sendopt.text import MAX_ID_CHARACTERS, did_you_mean, quoted, spells_missing, why_no_id

Choice = TypeVar("Choice", bound=StrEnum)

MAX_EVENT_ID_CHARACTERS = 128

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?([eE][+-]?\d{1,2})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_OF_OUR_DAYS = range(946_684_800, 4_102_444_800)  # the years 2000 to 2099, in seconds
#: Before it lie times whose unit was mistaken.
EARLIEST = EARLIEST_AT


def as_text(value: Any) -> str:
    """Return text, or the digits of a whole number, which may stand for an id.

    Raises:
        InvalidInput: `wrong_type`.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InvalidInput(
        f"{quoted(value)} is no text",
        code="wrong_type",
        expected="text, or a whole number",
        hint="write ids as text: floats lose digits" if isinstance(value, float) else None,
    )


def read_event_id(value: str) -> str:
    """Return `value` if it can tell a repetition from a new event.

    Raises:
        InvalidInput: `event_id_invalid`, `null_spelled`, `id_reserved`.
    """
    _require_said(value)
    fits = len(value) <= MAX_EVENT_ID_CHARACTERS
    if not fits or " " in value or why_no_id(value):
        raise InvalidInput(
            f"{quoted(value)} is no event id: it {why_no_id(value) or 'is too long or has spaces'}",
            code="event_id_invalid",
            expected=f"1 to {MAX_EVENT_ID_CHARACTERS} characters that can be seen, no spaces",
        )
    return not_reserved(value)


def not_reserved(value: str) -> str:
    """Return an id, of an event or a send, that is not of the service's own making.

    Raises:
        InvalidInput: `id_reserved`.
    """
    if is_reserved(value):
        raise InvalidInput(
            f"{quoted(value)} has the form of the ids that sendopt makes for itself",
            code="id_reserved",
            expected="an id of your own",
            hint="what sendopt sent is in the log already; its answers go to /v1/sends",
        )
    return value


def read_text(value: str) -> str:
    """Return `value` if a person sees what was written.

    Raises:
        InvalidInput: `text_invalid`, `null_spelled`.
    """
    if not 1 <= len(value) <= MAX_ID_CHARACTERS:
        raise InvalidInput(
            f"{quoted(value)} is empty or too long",
            code="text_invalid",
            expected=f"1 to {MAX_ID_CHARACTERS} characters",
        )
    _require_said(value)
    if reason := why_no_id(value):
        raise InvalidInput(
            f"{quoted(value)} {reason}",
            code="text_invalid",
            expected="visible characters, composed (NFC), no blanks at the ends",
        )
    return value


def _require_said(value: str) -> None:
    if spells_missing(value):
        raise InvalidInput(
            f"{quoted(value)} is how programs spell a missing value",
            code="null_spelled",
            expected="a value, or nothing at all",
            hint=f"`sendopt ingest --null {quoted(value)}` reads it as missing",
        )


def read_event_type(value: str) -> EventType:
    """Return the type of event that is called `value`.

    Raises:
        InvalidInput: `event_type_unknown`, with the list of what there is.
    """
    return _one_of(EventType, value, code="event_type_unknown")


def _channel(value: Any) -> Channel:
    return _one_of(Channel, value, code="channel_unknown")


def _one_of(choices: type[Choice], value: Any, *, code: str) -> Choice:
    """Return the member of `choices` that is called `value`.

    Raises:
        InvalidInput: `wrong_type`, or `code` with the list of what there is.
    """
    if not isinstance(value, str):
        raise InvalidInput(f"{quoted(value)} is no text", code="wrong_type", expected="text")
    if value not in set(choices):
        likely = re.sub(r"\W+", "_", value.strip().lower())
        raise InvalidInput(
            f"{quoted(value)} is unknown",
            code=code,
            expected=", ".join(choices),
            hint=f"write {likely}" if likely in set(choices) else did_you_mean(likely, choices),
        )
    return choices(value)


def read_instant(value: str) -> datetime:
    """Read a timestamp with its zone; of a number say what it may have meant.

    Raises:
        InvalidInput: `time_unit_suspect`, `time_invalid`.
    """
    if _NUMBER.fullmatch(value):
        _refuse_number(value)
    instant = parse_any_instant(value)
    if instant < EARLIEST:
        raise before_our_days(value)
    return instant


def before_our_days(value: object) -> InvalidInput:
    """Return the refusal of a time that no log of ours can hold."""
    return InvalidInput(
        f"{quoted(value)} lies in 1970 or before",
        code="time_unit_suspect",
        expected="a time from 1971 on",
        hint="seconds that were read as milliseconds?",
    )


def _refuse_number(text: str) -> NoReturn:
    raise InvalidInput(
        f"{quoted(text)} is a number, and nobody can be sure of its unit",
        code="time_unit_suspect",
        expected="a timestamp with a zone, such as 2026-10-25T09:00:00+01:00",
        hint=likely_unit(float(text)),
    )


def likely_unit(number: float) -> str | None:
    """Return what a number is in the usual unit in which it is a time of our days, if any."""
    for unit, scale in _UNITS.items():
        if math.floor(number / scale) in _OF_OUR_DAYS:
            meant = _EPOCH + timedelta(seconds=number / scale)
            return f"as {unit} it would be {meant.isoformat(timespec='seconds')}"
    return None


def read_timezone(value: str) -> str:
    """Return `value` if it names an IANA zone.

    Raises:
        InvalidInput: `zone_invalid`, `null_spelled`.
    """
    if value in zone_names():
        return value
    _require_said(value)
    zone_of(value)
    return value


def read_propensity(value: str | float) -> float:
    """Return `value` if it is a probability with which something did happen.

    Raises:
        InvalidInput: `wrong_type`, `number_out_of_range`, `null_spelled`.
    """
    if isinstance(value, str):
        _require_said(value)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise InvalidInput(f"{quoted(value)} is no number", code="wrong_type", expected="a number")
    number = float(value)
    if not 0.0 < number <= 1.0:
        raise InvalidInput(
            f"{quoted(value)} is no propensity",
            code="number_out_of_range",
            expected="above 0 and at most 1; leave it out where it was not logged",
        )
    return number


class _Zones:
    """Describes a zone by its name; the list is made only where somebody asks for it."""

    @staticmethod
    def __get_pydantic_json_schema__(
        _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "enum": sorted(zone_names())}


#: How a text is described to others; what else `read_text` asks no JSON Schema can say.
TEXT_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ID_CHARACTERS,
    "pattern": r"^[^\s\x00-\x1f\x7f](.*[^\s\x00-\x1f\x7f])?$",
}
Text = Annotated[str, AfterValidator(read_text), WithJsonSchema(TEXT_SCHEMA)]
KnownChannel = Annotated[Channel, BeforeValidator(_channel)]
Timezone = TypeAliasType("Timezone", Annotated[str, AfterValidator(read_timezone), _Zones])
